package config

import (
	"errors"
	"os"
)

// OperatorKeyVariable is the environment variable with the operator's private
// key, or several, a line each. It has no flag and no key in the file: a flag
// would show in process listings.
const OperatorKeyVariable = "WARG_OPERATOR_KEY"

// OperatorKeys are the settings of where the operator's keys are.
type OperatorKeys struct {
	OperatorKeyFile    []Path `env:"WARG_OPERATOR_KEY_FILE" group:"who" placeholder:"FILE" help:"File with the operator's private key, or several, a line or a block of PEM each (repeatable; default for serve: operator.key in the data folder, made at the first start of a new registry). Of several, the newest that the operator log permits signs. Read again on SIGHUP. The environment variable WARG_OPERATOR_KEY, holding the key itself, wins over it."`
	OperatorKeyCommand string `env:"WARG_OPERATOR_KEY_COMMAND" group:"who" placeholder:"COMMAND" help:"Shell command that signs with another operator key: it gets the 32 bytes of a SHA-256 digest on standard input (and in hex in WARG_DIGEST), and writes an ECDSA signature in DER within 10 s. Takes --operator-public-key."`
	OperatorPublicKey  string `env:"WARG_OPERATOR_PUBLIC_KEY" group:"who" placeholder:"KEY" help:"Public key of --operator-key-command: ecdsa-p256:<base64>, or a file with that or with PEM."`
	OperatorKeyPKCS11  Secret `env:"WARG_OPERATOR_KEY_PKCS11" name:"operator-key-pkcs11" group:"who" placeholder:"URI" help:"Operator key in a PKCS #11 token, as a pkcs11: URI with token, object, module-path and pin-source. Only in programs built with the tag pkcs11."`

	// OperatorKey is the value of WARG_OPERATOR_KEY, empty if not set. It wins
	// over OperatorKeyFile.
	OperatorKey Secret `kong:"-"`
}

// Complete reads what is only in the environment, and checks what no single setting can.
func (k *OperatorKeys) Complete() error {
	k.OperatorKey = Secret(os.Getenv(OperatorKeyVariable))
	if (k.OperatorKeyCommand == "") != (k.OperatorPublicKey == "") {
		return errors.New("--operator-key-command and --operator-public-key (or WARG_OPERATOR_KEY_COMMAND and WARG_OPERATOR_PUBLIC_KEY) go together: a signature does not say by which key it is")
	}
	return nil
}

// Named tells whether a setting says where a key is.
func (k *OperatorKeys) Named() bool {
	return k.OperatorKey != "" || len(k.OperatorKeyFile) > 0 || k.OperatorKeyCommand != "" || k.OperatorKeyPKCS11 != ""
}
