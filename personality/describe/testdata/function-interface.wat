;; A function that is imported by the name of an interface.
(component (import "a:b/c" (func)))
