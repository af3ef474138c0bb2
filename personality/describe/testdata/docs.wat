(component
  (import "a:b/c" (instance))
  (@custom "package-docs" "\01{\"docs\": \"What it does.\"}"))
