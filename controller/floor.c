#include "controller/floor.h"

#include "api/identity.h"
#include "api/object.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 8 };

void floor_release(struct floor *floor)
{
    free(floor->adopted);
    free(floor->adopted_rules);
    free(floor->version);
    *floor = (struct floor){0};
}

static char *record_name(const struct floor_key *key)
{
    // NUL between the parts: none of them can hold one, so no two keys share a name.
    struct strbuf text;
    strbuf_init(&text, 16 * 1024);
    strbuf_add(&text, key->namespace, strlen(key->namespace) + 1);
    strbuf_add(&text, key->repository, strlen(key->repository) + 1);
    // No channel is called "semver/…": a tag cannot hold a slash.
    if (key->own)
        strbuf_addf(&text, "semver/%s", key->uid);
    else
        strbuf_addstr(&text, key->channel);
    struct digest digest = digest_of(text.data, text.len);
    strbuf_release(&text);
    return xasprintf("floors/%s", digest_hex(digest.text));
}

static void read_record(const json_t *record, const char *uid, struct floor *floor)
{
    const char *digest = jval_string(record, "digest");
    floor->floor.sequence = jval_int(record, "sequence", 0);
    if (digest != NULL && digest_is_valid(digest))
        memcpy(floor->floor.digest.text, digest, strlen(digest) + 1);
    const json_t *adopted = json_object_get(jval_object(record, "adopted"), uid);
    floor->adopted = xstrdup_or_null(jval_string(adopted, "digest"));
    floor->adopted_rules = xstrdup_or_null(jval_string(adopted, "rules"));
    floor->version = xstrdup_or_null(jval_string(record, "version"));
}

int floor_read(struct store *store, const struct floor_key *key, struct floor *ret_floor,
               struct error *err)
{
    cleanup_free char *name = record_name(key);
    cleanup_json json_t *record = NULL;
    cleanup_error struct error cause = {0};
    if (store_record_get(store, name, &record, NULL, &cause) < 0 && cause.code != ERROR_NOT_FOUND) {
        error_wrap(&cause, "read the floor of %s:%s", key->repository, key->channel);
        return error_move(err, &cause);
    }
    *ret_floor = (struct floor){0};
    if (record != NULL)
        read_record(record, key->uid, ret_floor);
    return 0;
}

// `turn` counts adoptions, so that the oldest of too many can be told.
static void note_adoption(json_t *adopted, const char *uid, const struct floor_adoption *adoption)
{
    const char *name;
    const char *oldest = NULL;
    json_t *entry;
    int64_t last = 0;
    int64_t first = INT64_MAX;
    const json_t *known = json_object_get(adopted, uid);
    if (strcmp(jval_string_or(known, "digest", ""), adoption->digest) == 0 &&
        strcmp(jval_string_or(known, "rules", ""), adoption->rules) == 0)
        return;
    json_object_del(adopted, uid);
    json_object_foreach (adopted, name, entry) {
        int64_t turn = jval_int(entry, "turn", 0);
        if (turn > last)
            last = turn;
        if (turn < first) {
            first = turn;
            oldest = name;
        }
    }
    if (json_object_size(adopted) >= FLOOR_ADOPTIONS_MAX)
        json_object_del(adopted, oldest);
    entry = json_object();
    jval_set_string(entry, "digest", adoption->digest);
    jval_set_string(entry, "rules", adoption->rules);
    jval_set_int(entry, "turn", last + 1);
    json_object_set_new(adopted, uid, entry);
}

static json_t *next_record(const json_t *record, const struct floor_key *key,
                           const struct floor_adoption *adoption, bool raise)
{
    json_t *next = record != NULL ? json_deep_copy(record) : json_object();
    // The three parts in clear, for people and for `floor reset`.
    jval_set_string(next, "namespace", key->namespace);
    jval_set_string(next, "repository", key->repository);
    jval_set_string(next, "channel", key->own ? "semver" : key->channel);
    if (raise) {
        jval_set_int(next, "sequence", adoption->sequence);
        jval_set_string(next, "digest", adoption->digest);
    }
    if (adoption->version != NULL) {
        jval_set_string(next, "version", adoption->version);
        jval_set_string(next, "digest", adoption->digest);
    }
    if (!json_is_object(json_object_get(next, "adopted")))
        json_object_set_new(next, "adopted", json_object());
    note_adoption(json_object_get(next, "adopted"), key->uid, adoption);
    return next;
}

// One read, check and write. ERROR_CONFLICT: somebody wrote in between, or *ret_below: the floor
// rose above it.
static int adopt_once(struct store *store, const struct floor_key *key,
                      const struct floor_adoption *adoption, bool *ret_below, struct error *err)
{
    cleanup_free char *name = record_name(key);
    cleanup_json json_t *record = NULL;
    cleanup_free char *version = NULL;
    cleanup_error struct error cause = {0};
    if (store_record_get(store, name, &record, &version, &cause) < 0 &&
        cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    cleanup_floor struct floor now = {0};
    if (record != NULL)
        read_record(record, key->uid, &now);
    enum trust_floor_result judged =
        trust_floor_check(&now.floor, now.adopted, adoption->sequence, adoption->digest);
    *ret_below = adoption->raise && !adoption->below && judged == TRUST_FLOOR_REFUSE;
    if (*ret_below)
        return error_set(err, ERROR_CONFLICT, "the floor of %s:%s was raised meanwhile",
                         key->repository, key->channel);
    cleanup_json json_t *next =
        next_record(record, key, adoption, adoption->raise && judged == TRUST_FLOOR_RAISE);
    if (record != NULL && json_equal(record, next))
        return 0;
    return store_record_put(store, name, next, version, NULL, err);
}

int floor_adopt(struct store *store, const struct floor_key *key,
                const struct floor_adoption *adoption, struct error *err)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        bool below = false;
        cleanup_error struct error cause = {0};
        if (adopt_once(store, key, adoption, &below, &cause) == 0)
            return 0;
        if (below || cause.code != ERROR_CONFLICT || i + 1 == ATTEMPTS)
            return error_move(err, &cause);
    }
    return -1;
}

int floor_reset(struct store *store, const struct floor_key *key, struct error *err)
{
    cleanup_free char *name = record_name(key);
    return store_record_delete(store, name, err);
}

int floor_forget_own(struct store *store, const json_t *sync, struct error *err)
{
    const char *repository = object_spec_string(sync, "artifact.repository");
    cleanup_free char *identity = NULL;
    if (repository == NULL || identity_oci(repository, &identity, NULL) < 0)
        return 0;
    const struct floor_key key = {.namespace = object_namespace(sync),
                                  .repository = identity,
                                  .channel = "",
                                  .own = true,
                                  .uid = object_uid(sync)};
    return floor_reset(store, &key, err);
}
