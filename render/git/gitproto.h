// Git's protocol version 2 (gitprotocol-v2), client side: the requests as bytes, the answers as
// incremental parsers that are fed whatever arrives. No input or output of its own, so that HTTP,
// ssh, tests and the fuzzer all run the same code.
//
// An answer is over when its parser says so (gitproto_*_done); on HTTP the body must end there, on
// ssh the next request may follow. ERROR_INVALID: it breaks the protocol. ERROR_UNAVAILABLE: the
// server says it failed, or it ended early. A sentence of the server's is quoted, cleaned.
#ifndef RENDER_GIT_GITPROTO_H
#define RENDER_GIT_GITPROTO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "render/git/pktline.h"

#define GITPROTO_OID_SIZE 41 // 40 hex digits (SHA-1) and a NUL

// 40 lower-case hex digits.
bool gitproto_is_oid(const char *text, size_t size);

// What a server can do.
struct gitproto_caps {
    bool shallow;
    bool filter;
};

// The advertisement. Over HTTP it starts with "# service=git-upload-pack" and a flush.
struct gitproto_advert {
    struct pktline_reader reader;
    struct gitproto_caps caps; // valid once done
    bool http;
    int state;
    bool has_ls_refs;
    bool has_fetch;
    size_t lines;
};
void gitproto_advert_init(struct gitproto_advert *advert, bool http);
void gitproto_advert_release(struct gitproto_advert *advert);
int gitproto_advert_feed(struct gitproto_advert *advert, const void *data, size_t size,
                         struct error *err) __attribute__((warn_unused_result));
bool gitproto_advert_done(const struct gitproto_advert *advert);

// One line of ls-refs.
struct gitproto_ref {
    char *name; // owned, "refs/heads/main"
    char oid[GITPROTO_OID_SIZE];
    char peeled[GITPROTO_OID_SIZE]; // of an annotated tag; "" elsewhere
};
#define GITPROTO_REFS VEC_OF(struct gitproto_ref, gitproto_ref_release)
void gitproto_ref_release(void *ref);

// prefix: "refs/heads/main", "refs/tags/". The server may send more than was asked for.
void gitproto_ls_refs_request(struct strbuf *out, const char *prefix);
struct gitproto_ls_refs {
    struct pktline_reader reader;
    const char *prefix; // borrowed
    struct vec refs;    // of struct gitproto_ref; those with the prefix
    size_t lines;
    bool done;
};
void gitproto_ls_refs_init(struct gitproto_ls_refs *answer, const char *prefix);
void gitproto_ls_refs_release(struct gitproto_ls_refs *answer);
int gitproto_ls_refs_feed(struct gitproto_ls_refs *answer, const void *data, size_t size,
                          struct error *err) __attribute__((warn_unused_result));
bool gitproto_ls_refs_done(const struct gitproto_ls_refs *answer);

struct gitproto_fetch_request {
    const char *want;
    const char *have;     // NULL = nothing
    bool have_is_shallow; // we have that commit, but not its parents
    bool deepen_one;      // that commit only, without its history
    bool thin;            // deltas against what we have
    bool commits_only;    // filter tree:0; only where caps.filter
};
void gitproto_fetch_write(struct strbuf *out, const struct gitproto_fetch_request *request);

// The answer to a fetch. Bytes of the pack go to on_pack as they come.
struct gitproto_fetch {
    struct pktline_reader reader;
    int (*on_pack)(void *arg, const void *data, size_t size, struct error *err);
    void *arg; // borrowed
    int section;
    size_t lines;
    bool done;
};
void gitproto_fetch_init(struct gitproto_fetch *answer,
                         int (*on_pack)(void *arg, const void *data, size_t size,
                                        struct error *err),
                         void *arg);
void gitproto_fetch_release(struct gitproto_fetch *answer);
int gitproto_fetch_feed(struct gitproto_fetch *answer, const void *data, size_t size,
                        struct error *err) __attribute__((warn_unused_result));
bool gitproto_fetch_done(const struct gitproto_fetch *answer);

#endif
