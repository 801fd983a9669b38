// What a cluster target remembers of each object that is or was its own: what our last apply
// answered, and what the watch saw since. About 250 bytes each. No locks here, no requests.
#ifndef CONTROLLER_KUBE_MEMBER_H
#define CONTROLLER_KUBE_MEMBER_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/vec.h"
#include "controller/health.h"

struct cluster_type;

#define APPLYSET_PART_OF "applyset.kubernetes.io/part-of"
#define APPLYSET_KINDS "applyset.kubernetes.io/contains-group-kinds"
#define APPLYSET_NAMESPACES "applyset.kubernetes.io/additional-namespaces"
#define FIELD_MANAGER "sealift"
enum { MEMBER_HASH_SIZE = 16, MEMBER_UID_SIZE = 40 };

// KEP-3659: "applyset-<base64url of sha256("name.namespace.Kind.group")>-v1"; owned.
char *applyset_id(const char *name, const char *ns, const char *kind, const char *group);

// An object's metadata at one resourceVersion, as far as it tells drift.
struct member_state {
    char uid[MEMBER_UID_SIZE]; // "" = there is none
    uint64_t version;          // resourceVersion
    int64_t generation;        // 0 = its kind has none
    // Of our entry in managedFields: apiVersion, time and fields. Zero = there is no such entry.
    unsigned char entry[MEMBER_HASH_SIZE];
};

struct member {
    const struct cluster_type *type;
    char *ns; // "" = none
    char *name;
    unsigned char content[MEMBER_HASH_SIZE]; // of the bytes that were applied; zero = none were
    struct member_state applied;
    struct member_state live;
    bool packed;        // ns and name are in the block of members_pack
    bool exists;        // as far as is known
    bool fresh;         // applied by a run whose end was not looked at yet
    bool terminating;   // being deleted
    bool controlled;    // has an owner that is its controller
    bool prune_off;     // sealift.dev/prune: disabled, on the live object
    bool prune_on;      // sealift.dev/prune: enabled
    bool ignores_drift; // sealift.dev/drift: ignore, in the artifact
    bool is_hook;
    bool wanted;    // part of what was applied last
    bool suspect;   // not as applied
    uint8_t heals;  // within the window that began at heals_since_ms
    uint8_t health; // enum health; of health_version
    uint64_t health_version;
    int64_t heals_since_ms;
    int64_t not_before_ms; // contested: left alone until then; monotonic
    char *rival;           // who wrote it since our last apply, by managedFields; NULL = not known
    char *rival_set;       // the ApplySet that labelled it as its own since; NULL = none
    char *trouble;         // why it is not healthy; NULL when it is
};
void member_release(void *element);
#define MEMBERS VEC_OF(struct member, member_release)

// By type (group, kind), namespace, name. The vec is sorted so.
struct member *member_find(const struct vec *members, const struct cluster_type *type,
                           const char *ns, const char *name);
// Found, or added as one of which nothing is known.
struct member *member_ensure(struct vec *members, const struct cluster_type *type, const char *ns,
                             const char *name);
int member_compare(const void *a, const void *b);
// Moves the names together, once there are enough that stand alone: each would keep the page alive
// that it fell into between the answers that were read. *block is owned, NULL at first, and
// outlives the members.
void members_pack(struct vec *members, char **block);

void member_state_read(const json_t *object, struct member_state *ret_state);
uint64_t member_version_of(const json_t *object); // its resourceVersion; 0 = none that is a number
bool member_has_entry(const struct member_state *state);
// What an event or a list says of it now; an older one than is known changes nothing. Returns
// whether it was news.
bool member_observe(struct member *member, const json_t *object);
// It is gone; or it is there without our label, and perhaps with another's.
void member_observe_gone(struct member *member, const json_t *last);
void member_observe_taken(struct member *member, const json_t *object);
// Who wrote the object that is live, and is not us.
void member_note_rivals(struct member *member, const json_t *live, const char *own_set);
// What our own apply answered.
void member_note_applied(struct member *member, const json_t *answer);

enum member_verdict {
    MEMBER_AS_APPLIED,
    MEMBER_CHANGED, // our fields, or the object itself, were touched
    MEMBER_SUSPECT, // its generation moved: applying tells
    MEMBER_WAITING, // it is being deleted: what is to be done shows when it is gone
};
// Compares what is live with what was applied.
enum member_verdict member_judge(const struct member *member);

// To heal it now would count as a fight.
bool member_is_fought_over(const struct member *member, int64_t now_mono_ms);
// Healed so often that somebody works against us: counts the heal, and from the third within ten
// minutes on sets not_before_ms, longer each time. Returns the delay; 0 = none.
int64_t member_count_heal(struct member *member, int64_t now_mono_ms);

#endif
