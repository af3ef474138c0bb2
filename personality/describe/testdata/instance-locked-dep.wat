(component (import "locked-dep=<a:b@1.0.0>" (instance)))
