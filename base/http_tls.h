// The server's side of TLS: certificate and key from files that may change while the server runs.
// A new pair that does not work keeps the old one. Loop thread.
#ifndef BASE_HTTP_TLS_H
#define BASE_HTTP_TLS_H

#include <openssl/types.h>

#include "base/clock.h"
#include "base/error.h"

struct http_tls_files;

// Reads both files. ERROR_INVALID names the file and what is wrong with it.
int http_tls_files_new(const char *cert_file, const char *key_file, const struct clock *clock,
                       struct http_tls_files **ret_files, struct error *err)
    __attribute__((warn_unused_result));
void http_tls_files_free(struct http_tls_files *files); // NULL is fine

// A session for one accepted connection, from the files as they are now (looked at once a second at
// most). Owned by the caller. ERROR_INTERNAL: the connection must be closed.
int http_tls_files_accept(struct http_tls_files *files, SSL **ret_session, struct error *err)
    __attribute__((warn_unused_result));

#endif
