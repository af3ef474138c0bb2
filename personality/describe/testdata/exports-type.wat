(component (type $t u8) (export "t" (type $t)))
