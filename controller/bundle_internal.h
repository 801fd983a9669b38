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

struct bundle_notation;
struct evidence_set;
struct oci_descriptor;
struct release;
struct secret_data;
struct sign_key;

// What the loop hands to a worker.
struct bundle_work {
    const struct role *role;
    json_t *object;   // as the watch showed it; NULL: it is gone, and its local copies go
    char *key;        // "namespace/name"
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
    const struct sign_key *key;       // held from the keyring, or outside_key
    struct sign_key *outside_key;     // of a token or a program; or NULL
    struct bundle_notation *notation; // as spec.sign.notation says; or NULL
    struct vec rollback_keys; // struct verify_key *: of spec.rollback, once asked for; owned
    bool published;           // a new digest is out
    bool went_back;           // and it is an older one
};

// Worker: the whole reconcile, its status, events and log line.
void bundle_reconcile(struct bundle_work *work, struct cancel *cancel,
                      struct queue_outcome *ret_outcome);

// Removes the local copies of a Bundle that is gone.
void bundle_source_forget(const struct role *role, const char *key);
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
// As the spec says.
enum oci_format bundle_format(const struct bundle_flow *flow);
// Notes in status what came from elsewhere.
void bundle_build_note(struct bundle_flow *flow);

// bundle_publish.c: pushes, signs and tags what was built, or keeps what is out: tags put back,
// statement renewed.
int bundle_publish(struct bundle_flow *flow, struct error *err) __attribute__((warn_unused_result));
// flow->repository and flow->key.
int bundle_open_repository(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
// The next sequence, above `previous` and every one that is known, as kept on disk before it is
// used.
int bundle_reserve_sequence(struct bundle_flow *flow, int64_t previous, int64_t *ret_sequence,
                            struct error *err) __attribute__((warn_unused_result));
// One statement for each tag (struct release, borrowing from the flow and the arguments).
void bundle_fill_releases(struct bundle_flow *flow, const char *commit, int64_t sequence,
                          const char *version, struct vec *releases);
// Of a Git tag that is a version, in the form that Syncs with a range compare; NULL otherwise.
// Owned.
char *bundle_version(const struct bundle_flow *flow);
// bundle_maintain.c
int bundle_maintain(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
// Until bundle_maintain has to renew a statement or a Notation signature that expires; INT64_MAX:
// it has not to.
int64_t bundle_renewal_in_ms(const struct bundle_flow *flow);
// *ret_signed: what is released was signed by the key that the Secret holds now.
int bundle_is_signed(struct bundle_flow *flow, bool *ret_signed, struct error *err)
    __attribute__((warn_unused_result));
void bundle_publish_release(struct bundle_flow *flow);
// Fingerprint of the key that seals; borrowed.
const char *bundle_signer(const struct bundle_flow *flow);
// Puts status.artifact in front of status.history.
void bundle_add_history(struct bundle_flow *flow);

// bundle_rollback.c: what others than this flow released, what `sealift rollback` asks for, and how
// long it holds.
// Takes up a digest that a release statement of a key that counts names: status.artifact. `signer`
// stays the key that the Secret holds.
int bundle_adopt(struct bundle_flow *flow, const char *digest, const struct release *release,
                 struct error *err) __attribute__((warn_unused_result));
// The newest release statement that was attached to `digest` for this tag, by our own key or one of
// spec.rollback; borrowed from *evidence, NULL when there is none.
int bundle_find_release(struct bundle_flow *flow, const char *tag, const char *digest,
                        struct evidence_set *evidence, const struct release **ret_release,
                        struct error *err) __attribute__((warn_unused_result));
// The tag points to `digest`, which is not what this Bundle released. *ret_taken: a statement says
// that this is a rollback of what it released, and status.artifact is that digest now.
int bundle_rollback_take(struct bundle_flow *flow, const char *tag, const char *digest,
                         bool *ret_taken, struct error *err) __attribute__((warn_unused_result));
// What was built is what somebody went back from: the rollback holds.
bool bundle_rollback_holds(const struct bundle_flow *flow, const char *layer);
bool bundle_is_rolled_back(const struct bundle_flow *flow);
// Notes in status.artifact that it was gone back to, by this statement.
int bundle_rollback_note(struct bundle_flow *flow, const struct release *release, struct error *err)
    __attribute__((warn_unused_result));
// Adds the keys of spec.rollback that count now to a list of const struct verify_key *.
int bundle_rollback_keys(struct bundle_flow *flow, struct vec *keys, struct error *err)
    __attribute__((warn_unused_result));

// bundle_signer.c: flow->key, as spec.sign says.
int bundle_signer_open(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
void bundle_signer_close(struct bundle_flow *flow);

// bundle_notation.c: the key and the certificates that spec.sign.notation names, where it is given.
int bundle_notation_open(struct bundle_flow *flow, struct error *err)
    __attribute__((warn_unused_result));
void bundle_notation_close(struct bundle_flow *flow);
// Signs, as part of a batch that is open; *ret_note, for status.artifact.notation, is owned and
// stays NULL where none is asked for.
int bundle_notation_sign(struct bundle_flow *flow, const struct oci_descriptor *artifact,
                         json_t **ret_note, struct error *err) __attribute__((warn_unused_result));
// Signs what is released already, where that is due, and notes it.
int bundle_notation_maintain(struct bundle_flow *flow, const struct oci_descriptor *artifact,
                             struct error *err) __attribute__((warn_unused_result));

// bundle_notify.c: tells spec.notify about a new artifact. Failures become events, not errors.
void bundle_notify(struct bundle_flow *flow);

#endif
