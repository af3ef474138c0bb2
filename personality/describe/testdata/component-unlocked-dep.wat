;; A component that is imported as a registry dependency: WIT has no word for it.
(component
  (import "unlocked-dep=<a:b@{>=1.0.0}>" (component))
  (import "a:b/c@0.1.0" (instance)))
