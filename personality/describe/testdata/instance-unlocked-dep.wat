(component (import "unlocked-dep=<a:b@{>=1.0.0}>" (instance)))
