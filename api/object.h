// Objects as the store hands them out: immutable json_t trees in the shape of Kubernetes
// (apiVersion, kind, metadata, spec, status), and typed access to what all kinds share.
//
// An object that came from a store is shared between threads and must never be changed; take a
// json_copy of the member you want to change. References are counted atomically, so json_incref and
// json_decref are fine on any thread (jval_ref takes one from a borrowed const pointer). Borrowed
// pointers live as long as the object.
//
// One member is ours: `problem`, see object_problem.
#ifndef API_OBJECT_H
#define API_OBJECT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define API_GROUP "sealift.dev"
#define API_VERSION "sealift.dev/v1alpha1"

// Annotations that people and commands write.
#define ANNOTATION_REQUESTED_AT "sealift.dev/requestedAt"
#define ANNOTATION_ACCEPT_HISTORY "sealift.dev/accept-history"
#define ANNOTATION_CONFIRM_PRUNE "sealift.dev/confirm-prune"

// The namespace of an object that names none.
#define NAMESPACE_DEFAULT "default"
// Every namespace carries its own name under this label.
#define LABEL_NAMESPACE_NAME "kubernetes.io/metadata.name"

// What tells one object from all others in a store. Borrowed from the object it was taken from.
struct object_key {
    const char *kind;
    const char *namespace; // "" for cluster-scoped kinds
    const char *name;
};

// Members that are absent are "".
struct object_key object_key(const json_t *object);
bool object_key_equal(const struct object_key *a, const struct object_key *b);
// "Bundle shop/web", "TrustPolicy prod": how messages name an object. Owned.
char *object_key_text(const struct object_key *key);
char *object_text(const json_t *object);

// "" when absent.
const char *object_kind(const json_t *object);
const char *object_namespace(const json_t *object);
const char *object_name(const json_t *object);
const char *object_uid(const json_t *object);
const char *object_resource_version(const json_t *object);
// 0 when absent.
int64_t object_generation(const json_t *object);

// NULL when absent.
const char *object_annotation(const json_t *object, const char *name);
const char *object_label(const json_t *object, const char *name);
const json_t *object_labels(const json_t *object);
// Members below spec or status by a dotted path (jval_get); NULL when absent. "" is all of it.
const json_t *object_spec(const json_t *object, const char *path);
const json_t *object_status(const json_t *object, const char *path);
const char *object_spec_string(const json_t *object, const char *path);
const char *object_status_string(const json_t *object, const char *path);
// A duration of the spec in milliseconds. Objects from a store have their defaults, so `fallback`
// is for specs that are invalid.
int64_t object_spec_duration_ms(const json_t *object, const char *path, int64_t fallback);

// Of the Bundle that a Sync's bundleRef names: the Sync's own where it says no other. Borrowed.
const char *object_bundle_namespace(const json_t *sync);
// Whether the Sync's bundleRef names this Bundle.
bool object_follows(const json_t *sync, const json_t *bundle);

bool object_is_suspended(const json_t *object);
// Somebody asked for its deletion; it stays until its finalizers are gone.
bool object_is_deleting(const json_t *object);
bool object_has_finalizer(const json_t *object, const char *finalizer);

// Why the object as it stands in the store cannot simply be used.
enum object_problem {
    OBJECT_FINE,
    // The spec breaks a rule of its kind: do not use it. What an earlier generation made stays;
    // conditions become Stalled with reason InvalidSpec. A TrustPolicy refuses what it governs
    // (all, when spec.match itself cannot be read).
    OBJECT_INVALID,
    // Its source does not parse, or defines it twice: spec is the last good one, and stands. A
    // TrustPolicy refuses what it governs.
    OBJECT_UNREADABLE,
};
enum object_problem object_problem(const json_t *object);
// The sentence for conditions and people; "" when there is no problem. Names the object.
const char *object_problem_message(const json_t *object);

#endif
