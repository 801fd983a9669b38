// What a signer says about its failure, made fit for errors, logs and status: one short line
// without what looks like a secret.
#ifndef OCI_SIGN_SIGNER_WORDS_H
#define OCI_SIGN_SIGNER_WORDS_H

#include <stddef.h>

// Cut out as "[cut]": the value behind words such as password, pin, token, secret and key where ':'
// or '=' follows, what follows Bearer and Basic, user and password of a URL, long runs of hex
// digits or base64. What is no printable ASCII becomes a space; at most 400 bytes. Owned.
char *signer_words(const char *text, size_t size);

#endif
