// Package home is what the client keeps for its user: the configuration file and the
// flat-file keyring, which it shares with the official client (warg-cli 0.10.0), the
// settings of trust beside them, and the folders of what is remembered.
//
// Where things are, with the user's folders as [os.UserConfigDir] and
// [os.UserCacheDir] give them:
//
//   - <config>/warg/config.json: the configuration, of both clients. A file
//     warg-config.json in the current folder, or in one above it, takes precedence.
//   - <config>/warg/keyring/: signing keys and tokens, a file each, of both clients.
//   - beside the configuration, its name with -trust: whom to trust with which
//     registry. It is not part of the configuration, for the official client drops
//     what it does not know when it writes that.
//   - <state>/warg/registries/<label>/: what was verified of a registry, and a pending
//     record; <state> is $XDG_STATE_HOME, or ~/.local/state, or the user's
//     configuration folder where that is not the custom.
//   - <state>/warg/evidence/: what registries gave that could not be verified.
//   - <cache>/warg/content/sha256/: content by digest, of both clients.
package home
