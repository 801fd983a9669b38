// What the files of a remote share: gitremote.c (refs, fetching), githistory.c (is it forward).
#ifndef RENDER_GIT_GITREMOTE_INTERNAL_H
#define RENDER_GIT_GITREMOTE_INTERNAL_H

#include <git2.h>

#include "render/git/gitproto.h"
#include "render/git/gitremote.h"
#include "render/git/gitstore.h"
#include "render/git/gittransport.h"

struct gitremote {
    struct gitremote_config config; // with the defaults filled in; what it points to is borrowed
    char *name;                     // the URL without credentials, for sentences; owned
    git_repository *local;          // a repository on this host; then there is no more than that
    struct gitstore *store;         // a reference
    struct gittransport *transport;
    bool is_http;
    bool is_connected; // caps are known
    struct gitproto_caps caps;
};

// Sends a fetch and gives the pack to `pack`. Connects first where needed.
int gitremote_receive(struct gitremote *remote, const struct gitproto_fetch_request *request,
                      struct gitpack *pack, struct error *err) __attribute__((warn_unused_result));
// Makes sure that caps are known.
int gitremote_connect(struct gitremote *remote, struct error *err)
    __attribute__((warn_unused_result));

#endif
