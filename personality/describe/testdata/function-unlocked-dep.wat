;; A function that is imported by the name of a registry dependency.
(component (import "unlocked-dep=<a:b>" (func)))
