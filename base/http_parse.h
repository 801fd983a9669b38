// The head of an HTTP/1.1 request (RFC 9112 sections 2 to 6), as strict as the receiving side may
// be: whatever two implementations could read in two ways is refused. Pure functions over bytes.
#ifndef BASE_HTTP_PARSE_H
#define BASE_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"

enum { HTTP_MAX_FIELDS = 100, HTTP_MAX_METHOD_BYTES = 16 };

// Both borrowed from the head.
struct http_field {
    const char *name;
    const char *value; // without white space around it; "" when empty
};

struct http_head {
    char *bytes;            // owned; everything below points into it
    const char *method;     // one of GET HEAD POST PUT PATCH DELETE OPTIONS
    const char *path;       // starts with '/', not decoded
    const char *query;      // behind the '?', not decoded; "" when absent
    struct vec fields;      // of struct http_field, in the order sent
    int64_t content_length; // 0 when absent
    bool is_1_0;
    bool close;           // the connection ends with this request
    bool expect_continue; // the body comes only after "100 Continue"
};

// Why a request is refused; reason is static.
struct http_refusal {
    int status; // 400, 413, 417, 431, 501, 505
    const char *reason;
};

enum http_scan { HTTP_SCAN_MORE, HTTP_SCAN_COMPLETE, HTTP_SCAN_BAD };

// Looks for the empty line that ends the head. *scanned is how far earlier calls on the same bytes
// came (0 at first), so that bytes that drip in are looked at once. BAD: a line ends without CR.
enum http_scan http_head_scan(const char *data, size_t size, size_t *scanned, size_t *ret_length);

// data is one whole head, its empty line included. 0, or -1 with *ret_refusal set.
int http_head_parse(const char *data, size_t size, struct http_head *ret_head,
                    struct http_refusal *ret_refusal) __attribute__((warn_unused_result));
// The first field of that name, without regard to case; NULL when absent.
const char *http_head_get(const struct http_head *head, const char *name);
void http_head_release(struct http_head *head); // may be called twice, and on a zeroed struct
#define cleanup_http_head __attribute__((cleanup(http_head_release)))

// "Not Found"; "Status" for a code without a name here. Static.
const char *http_status_text(int status);

#endif
