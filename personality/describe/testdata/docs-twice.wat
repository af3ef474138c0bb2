(component
  (import "a:b/c" (instance))
  (@custom "package-docs" "\01{\"docs\": \"one\"}")
  (@custom "package-docs" "\01{\"docs\": \"two\"}"))
