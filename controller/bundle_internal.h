// One reconcile of one Bundle, on a worker. bundle_reconcile.c tells the story; the other
// bundle_*.c are its chapters. Nothing here outlives the flow.
#ifndef CONTROLLER_BUNDLE_INTERNAL_H
#define CONTROLLER_BUNDLE_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/cancel.h"
#include "base/error.h"
#include "controller/access.h"
#include "controller/bundle_inputs.h"
#include "controller/queue.h"
#include "controller/role.h"
#include "controller/stages.h"
#include "oci/artifact.h"
#include "render/git/gitremote.h"
#include "render/render.h"

struct secret_data;
struct sign_key;

// What the loop hands to a worker.
struct bundle_work {
    const struct role *role;
    json_t *object;   // as the watch showed it
    char *request_id; // of the delivery that woke it; NULL: nobody in particular
};

struct bundle_flow {
    const struct role *role;
    const json_t *object; // read afresh at the start
    json_t *status;       // the flow's own; written at the end
    const char *request_id;
    struct cancel *cancel;
    struct http_client *client;
    int64_t deadline_mono_ms;
    struct stages stages;
    const char *reason; // of the condition, should the current step fail

    struct secret_data *git_secret;
    struct http_tls git_tls;            // borrows from git_secret
    char *git_dir;                      // of the local copy
    struct gitremote_config git_config; // borrows all of them
    struct gitremote *remote;
    struct gitremote_revision revision; // what the ref says now
    struct gitsnapshot *snapshot;
    char *git_revision; // "main@sha1:<commit>"
    char *acceptance;   // of a rewritten history, used up when this flow succeeds; or NULL
    struct bundle_inputs *inputs; // remote bases and files of the build
    enum render_type renderer;    // of the artifact
    struct oci_artifact artifact; // built in this flow
    struct registry_access access;
    struct oci_repository *repository;
    const struct sign_key *key; // held from the keyring
    bool published;             // a new digest is out
};

// Worker: the whole reconcile, its status, events and log line.
void bundle_reconcile(struct bundle_work *work, struct cancel *cancel,
                      struct queue_outcome *ret_outcome);

// bundle_source.c: credentials and remote; what the ref says; whether history went forward; the
// files.
int bundle_source_open(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
int bundle_source_resolve(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
int bundle_source_history(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
int bundle_source_fetch(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
void bundle_source_release(struct bundle_flow *flow);

// bundle_build.c: files, and what they need from elsewhere, to objects to artifact.
int bundle_build(struct bundle_flow *flow, struct error *err) __attribute__((warn_unused_result));
// Notes in status what came from elsewhere.
void bundle_build_note(struct bundle_flow *flow);

// bundle_publish.c: pushes, signs and tags what was built, or keeps what is out: tags put back,
// statement renewed.
int bundle_publish(struct bundle_flow *flow, struct error *err) __attribute__((warn_unused_result));
int bundle_maintain(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
// *ret_signed: what is released was signed by the key that the Secret holds now.
int bundle_is_signed(struct bundle_flow *flow, bool *ret_signed, struct error *err)
    __attribute__((warn_unused_result));
void bundle_publish_release(struct bundle_flow *flow);

// bundle_notify.c: tells spec.notify about a new artifact. Failures become events, not errors.
void bundle_notify(struct bundle_flow *flow);

#endif
