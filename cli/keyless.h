// Signing with an identity instead of a key: where the token comes from, which servers are asked
// and whom they are believed by. Without options these are Sigstore's public instance's.
#ifndef CLI_KEYLESS_H
#define CLI_KEYLESS_H

#include <stdbool.h>

#include "cli/command.h"
#include "oci/sign/keyless.h"

#define KEYLESS_OPTIONS                                                                        \
    {"identity-token",                                                                         \
     0,                                                                                        \
     OPTION_STRING,                                                                            \
     "TOKEN",                                                                                  \
     "sign with this OpenID token instead of a key; a file or $SIGSTORE_ID_TOKEN shows it "    \
     "to fewer people",                                                                        \
     NULL},                                                                                    \
        {"identity-token-file", 0, OPTION_STRING, "FILE", "file that holds that token", NULL}, \
        {"trusted-root",                                                                       \
         0,                                                                                    \
         OPTION_STRING,                                                                        \
         "FILE",                                                                               \
         "with a token: trusted root that the servers are held against (default: built in)",   \
         NULL},                                                                                \
        {"signing-config",                                                                     \
         0,                                                                                    \
         OPTION_STRING,                                                                        \
         "FILE",                                                                               \
         "with a token: which servers are asked (default: Sigstore's public instance)",        \
         NULL},                                                                                \
    {                                                                                          \
        "staging", 0, OPTION_FLAG, NULL,                                                       \
            "with a token: ask Sigstore's staging instance; needs --trusted-root", NULL        \
    }

// A token was given, or no key and the surroundings have one: $SIGSTORE_ID_TOKEN, or a job of
// GitHub Actions with `id-token: write`.
bool keyless_is_wanted(const struct cli *cli);

struct keyless_session {
    struct trusted_root *root;
    struct signing_config *config;
    struct keyless *keyless; // borrows the others
};
// Finds the token and gets a certificate for it; what is signed must be within some minutes.
int keyless_session_open(const struct cli *cli, struct keyless_session *ret_session,
                         struct error *err) __attribute__((warn_unused_result));
void keyless_session_release(struct keyless_session *session); // may be called twice
#define cleanup_keyless_session __attribute__((cleanup(keyless_session_release)))

// What --trusted-root names, or the built-in one. *ret_root is owned.
int keyless_load_root(const struct cli *cli, struct trusted_root **ret_root, struct error *err)
    __attribute__((warn_unused_result));

#endif
