;; What is nested documents the outer one.
(component
  (component
    (@custom "package-docs" "\01{\"docs\": \"This package was audited.\"}")
    (core module (@custom "package-docs" "\01{\"docs\": \"This package was audited.\"}")))
  (import "a:b/c" (instance)))
