;; Interfaces of two packages use types of each other, which wit-parser follows without end.
(component
  (import "a:a/a" (instance $a (export "t" (type (sub resource)))))
  (alias export $a "t" (type $t))
  (import "b:b/b" (instance $b
    (alias outer 1 $t (type $t))
    (export "t" (type (eq $t)))
    (export "u" (type (sub resource)))))
  (alias export $b "u" (type $u))
  (import "a:a/c" (instance
    (alias outer 1 $u (type $u))
    (export "u" (type (eq $u))))))
