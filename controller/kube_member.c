#include "controller/kube_member.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/encoding.h"
#include "base/jval.h"
#include "base/memory.h"
#include "controller/kube_cluster.h"

static const int64_t fight_window_ms = 10 * 60 * 1000;
static const int64_t first_delay_ms = 5 * 1000;
static const int64_t max_delay_ms = 10 * 60 * 1000;
enum { PEACEFUL_HEALS = 3, LOOSE_MAX = 32 };

char *applyset_id(const char *name, const char *ns, const char *kind, const char *group)
{
    cleanup_free char *text = xasprintf("%s.%s.%s.%s", name, ns, kind, group);
    unsigned char hash[SHA256_SIZE];
    sha256(text, strlen(text), hash);
    cleanup_free char *encoded = base64url_encode(hash, sizeof hash);
    return xasprintf("applyset-%s-v1", encoded);
}

// ---- the vec ----

void member_release(void *element)
{
    struct member *member = element;
    if (!member->packed) {
        free(member->ns);
        free(member->name);
    }
    free(member->rival);
    free(member->rival_set);
    free(member->trouble);
}

int member_compare(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = 0;
    if (left->type != right->type) {
        order = strcmp(left->type->group, right->type->group);
        if (order == 0)
            order = strcmp(left->type->kind, right->type->kind);
    }
    if (order == 0)
        order = strcmp(left->ns, right->ns);
    return order != 0 ? order : strcmp(left->name, right->name);
}

// Where it is, or would be.
static size_t place_of(const struct vec *members, const struct member *key, bool *ret_found)
{
    size_t low = 0;
    size_t high = members->len;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = member_compare(vec_at(members, middle), key);
        if (order == 0) {
            *ret_found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_found = false;
    return low;
}

static struct member key_of(const struct cluster_type *type, const char *ns, const char *name)
{
    return (struct member){
        .type = type, .ns = (char *)(uintptr_t)ns, .name = (char *)(uintptr_t)name};
}

struct member *member_find(const struct vec *members, const struct cluster_type *type,
                           const char *ns, const char *name)
{
    const struct member key = key_of(type, ns, name);
    bool found = false;
    size_t place = place_of(members, &key, &found);
    return found ? vec_at(members, place) : NULL;
}

struct member *member_ensure(struct vec *members, const struct cluster_type *type, const char *ns,
                             const char *name)
{
    const struct member key = key_of(type, ns, name);
    bool found = false;
    size_t place = place_of(members, &key, &found);
    if (found)
        return vec_at(members, place);
    struct member *member = vec_insert(members, place);
    member->type = type;
    member->ns = xstrdup(ns);
    member->name = xstrdup(name);
    return member;
}

static char *move_text(char **at, char *text, bool owned)
{
    char *moved = *at;
    size_t size = strlen(text) + 1;
    memcpy(moved, text, size);
    if (owned)
        free(text);
    *at += size;
    return moved;
}

void members_pack(struct vec *members, char **block)
{
    size_t size = 1;
    size_t loose = 0;
    vec_foreach (struct member, member, members) {
        size += strlen(member->ns) + strlen(member->name) + 2;
        loose += !member->packed;
    }
    if (loose <= LOOSE_MAX + members->len / 16)
        return;
    char *packed = xmalloc(size);
    char *at = packed;
    vec_foreach (struct member, member, members) {
        member->ns = move_text(&at, member->ns, !member->packed);
        member->name = move_text(&at, member->name, !member->packed);
        member->packed = true;
    }
    free(*block);
    *block = packed;
}

// ---- what is known ----

static bool is_our_entry(const json_t *entry)
{
    return strcmp(jval_string_or(entry, "manager", ""), FIELD_MANAGER) == 0 &&
           strcmp(jval_string_or(entry, "operation", ""), "Apply") == 0 &&
           *jval_string_or(entry, "subresource", "") == '\0';
}

uint64_t member_version_of(const json_t *object)
{
    const char *text = jval_string_or(object, "metadata.resourceVersion", "");
    char *end = NULL;
    uint64_t version = strtoull(text, &end, 10);
    return *end == '\0' ? version : 0;
}

void member_state_read(const json_t *object, struct member_state *ret_state)
{
    *ret_state = (struct member_state){
        .version = member_version_of(object),
        .generation = jval_int(object, "metadata.generation", 0),
    };
    snprintf(ret_state->uid, sizeof ret_state->uid, "%s",
             jval_string_or(object, "metadata.uid", ""));
    size_t index;
    json_t *entry;
    json_array_foreach (jval_array(object, "metadata.managedFields"), index, entry) {
        if (!is_our_entry(entry))
            continue;
        cleanup_free char *text = jval_canonical(entry);
        unsigned char hash[SHA256_SIZE];
        sha256(text, strlen(text), hash);
        memcpy(ret_state->entry, hash, sizeof ret_state->entry);
    }
}

bool member_has_entry(const struct member_state *state)
{
    static const unsigned char none[MEMBER_HASH_SIZE];
    return memcmp(state->entry, none, sizeof none) != 0;
}

static const char *entry_time(const json_t *entry)
{
    return jval_string_or(entry, "time", "");
}

// The manager of the newest entry that is not ours and no older than ours, which is who wrote last;
// owned, or NULL. What was there before our last write is nobody's answer to it.
static char *read_rival(const json_t *object)
{
    const json_t *entries = jval_array(object, "metadata.managedFields");
    const json_t *rival = NULL;
    const char *newest = "";
    size_t index;
    json_t *entry;
    json_array_foreach (entries, index, entry) {
        if (is_our_entry(entry))
            newest = entry_time(entry);
    }
    json_array_foreach (entries, index, entry) {
        bool ours = strcmp(jval_string_or(entry, "manager", ""), FIELD_MANAGER) == 0;
        bool status = strcmp(jval_string_or(entry, "subresource", ""), "status") == 0;
        if (ours || status || strcmp(entry_time(entry), newest) < 0)
            continue;
        newest = entry_time(entry);
        rival = entry;
    }
    const char *way = jval_string_or(rival, "subresource", "");
    return rival == NULL ? NULL
                         : xasprintf("%s%s%s", jval_string_or(rival, "manager", ""),
                                     *way != '\0' ? " through /" : "", way);
}

static void forget_rivals(struct member *member)
{
    free(STEAL(member->rival));
    free(STEAL(member->rival_set));
}

static void read_marks(struct member *member, const json_t *object)
{
    const json_t *annotations = jval_object(object, "metadata.annotations");
    const char *prune = json_string_value(json_object_get(annotations, "sealift.dev/prune"));
    member->prune_off = prune != NULL && strcmp(prune, "disabled") == 0;
    member->prune_on = prune != NULL && strcmp(prune, "enabled") == 0;
    member->terminating = jval_string(object, "metadata.deletionTimestamp") != NULL;
    member->controlled = false;
    size_t index;
    json_t *owner;
    json_array_foreach (jval_array(object, "metadata.ownerReferences"), index, owner)
        member->controlled |= jval_bool(owner, "controller", false);
}

bool member_observe(struct member *member, const json_t *object)
{
    struct member_state state;
    member_state_read(object, &state);
    if (member->live.version != 0 && state.version <= member->live.version)
        return false;
    member->live = state;
    member->exists = true;
    // The event of our own apply, which takes the fields away from it, may come before its answer.
    char *rival = read_rival(object);
    if (rival != NULL) {
        free(member->rival);
        member->rival = rival;
    }
    read_marks(member, object);
    return true;
}

void member_observe_gone(struct member *member, const json_t *last)
{
    uint64_t version = member_version_of(last);
    // The object was made again meanwhile, by our own apply.
    if (version != 0 && version < member->live.version)
        return;
    const char *uid = jval_string_or(last, "metadata.uid", member->live.uid);
    if (strcmp(uid, member->live.uid) != 0 && member->live.uid[0] != '\0')
        return;
    member->exists = false;
    member->terminating = false;
    if (version != 0)
        member->live.version = version;
    forget_rivals(member);
}

void member_note_rivals(struct member *member, const json_t *live, const char *own_set)
{
    const json_t *labels = jval_object(live, "metadata.labels");
    const char *set = json_string_value(json_object_get(labels, APPLYSET_PART_OF));
    forget_rivals(member);
    member->rival = read_rival(live);
    if (set != NULL && strcmp(set, own_set) != 0)
        member->rival_set = xstrdup(set);
}

void member_observe_taken(struct member *member, const json_t *object)
{
    member_observe_gone(member, object);
    if (!member->exists)
        member_note_rivals(member, object, "");
}

void member_note_applied(struct member *member, const json_t *answer)
{
    struct member_state state;
    member_state_read(answer, &state);
    member->applied = state;
    member->suspect = false;
    member->fresh = true;
    if (member->live.version != 0 && member->live.version > state.version)
        return;
    // The answer of an apply that changed nothing has the version that is known already.
    member->live = state;
    forget_rivals(member);
    member->exists = true;
    read_marks(member, answer);
}

enum member_verdict member_judge(const struct member *member)
{
    const struct member_state *applied = &member->applied;
    const struct member_state *live = &member->live;
    if (!member->exists)
        return MEMBER_CHANGED;
    if (member->terminating)
        return MEMBER_WAITING;
    if (strcmp(applied->uid, live->uid) != 0)
        return MEMBER_CHANGED;
    if (live->version <= applied->version)
        return MEMBER_AS_APPLIED;
    if (memcmp(applied->entry, live->entry, sizeof live->entry) != 0)
        return MEMBER_CHANGED;
    return applied->generation != live->generation ? MEMBER_SUSPECT : MEMBER_AS_APPLIED;
}

bool member_is_fought_over(const struct member *member, int64_t now_mono_ms)
{
    return member->suspect && member->heals + 1 >= PEACEFUL_HEALS &&
           now_mono_ms - member->heals_since_ms <= fight_window_ms;
}

int64_t member_count_heal(struct member *member, int64_t now_mono_ms)
{
    if (member->heals == 0 || now_mono_ms - member->heals_since_ms > fight_window_ms) {
        member->heals = 0;
        member->heals_since_ms = now_mono_ms;
    }
    if (member->heals < UINT8_MAX)
        member->heals++;
    if (member->heals < PEACEFUL_HEALS)
        return 0;
    unsigned doublings = (unsigned)member->heals - PEACEFUL_HEALS;
    int64_t delay_ms = doublings < 8 ? first_delay_ms << doublings : max_delay_ms;
    if (delay_ms > max_delay_ms)
        delay_ms = max_delay_ms;
    // The next heal after the delay belongs to the same fight.
    member->heals_since_ms = now_mono_ms;
    member->not_before_ms = now_mono_ms + delay_ms;
    return delay_ms;
}
