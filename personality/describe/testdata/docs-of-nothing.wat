(component
  (import "a:b/c" (instance))
  (@custom "package-docs" "\01{\"docs\": \"fits\", \"worlds\": {\"elsewhere\": {\"docs\": \"does not\"}}}"))
