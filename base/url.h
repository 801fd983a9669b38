// URLs: strict parsing on libcurl's URL API, credentials kept out of anything that is stored or
// shown.
#ifndef BASE_URL_H
#define BASE_URL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct url {
    char *scheme; // lower case
    char *user;   // decoded; NULL when absent
    char *password;
    char *host; // lower case; IPv6 in brackets
    int port;   // the scheme's default when absent; 0 where it has none
    char *path; // starts with '/', still encoded
    char *query;
};

// Only absolute URLs; no white space, control characters or fragments. ERROR_INVALID.
int url_parse(const char *text, struct url *ret_url, struct error *err)
    __attribute__((warn_unused_result));
void url_release(struct url *url);
#define cleanup_url __attribute__((cleanup(url_release)))

// "localhost" and the addresses it has: nobody else listens there. As struct url has it.
bool url_host_is_local(const char *host);
bool url_same_origin(const struct url *a, const struct url *b); // scheme, host, port
// The URL with user and password cut, for status, logs and errors. Owned; "" when text does not
// parse.
char *url_without_credentials(const char *text);
// `reference` as seen from `base` (Location, Link). Owned. ERROR_INVALID.
int url_resolve(const char *base, const char *reference, char **ret_url, struct error *err)
    __attribute__((warn_unused_result));
// Percent-encodes everything but unreserved characters. Owned.
char *url_escape(const char *text);
// The other way, for a path: '+' stays. Owned. ERROR_INVALID on a bad escape or a NUL.
int url_unescape(const char *text, char **ret_text, struct error *err)
    __attribute__((warn_unused_result));
// application/x-www-form-urlencoded; owned and NUL-terminated. ERROR_INVALID on a bad escape or a
// NUL.
int url_form_decode(const char *text, size_t size, char **ret_text, size_t *ret_size,
                    struct error *err) __attribute__((warn_unused_result));

#endif
