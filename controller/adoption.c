#include "controller/adoption.h"

#include "api/object.h"
#include "base/digest.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 3 };

static char *record_name(const char *uid)
{
    struct digest digest = digest_of(uid, strlen(uid));
    return xasprintf("adoptions/%s", digest_hex(digest.text));
}

int adoptions_read(struct store *store, const char *uid, json_t **ret_record, struct error *err)
{
    cleanup_free char *name = record_name(uid);
    cleanup_error struct error cause = {0};
    if (store_record_get(store, name, ret_record, NULL, &cause) == 0)
        return 0;
    if (cause.code != ERROR_NOT_FOUND) {
        error_wrap(&cause, "read what this Sync adopted");
        return error_move(err, &cause);
    }
    *ret_record = json_object();
    return 0;
}

static int write_once(struct store *store, const char *name, const json_t *record,
                      struct error *err)
{
    cleanup_json json_t *old = NULL;
    cleanup_free char *version = NULL;
    cleanup_error struct error cause = {0};
    if (store_record_get(store, name, &old, &version, &cause) < 0 && cause.code != ERROR_NOT_FOUND)
        return error_move(err, &cause);
    if (old != NULL && json_equal(old, record))
        return 0;
    return store_record_put(store, name, record, version, NULL, err);
}

int adoptions_write(struct store *store, const json_t *sync, const json_t *record,
                    struct error *err)
{
    cleanup_free char *name = record_name(object_uid(sync));
    cleanup_json json_t *named = json_copy(jval_unconst(record));
    // In clear, for people.
    jval_set_string(named, "namespace", object_namespace(sync));
    jval_set_string(named, "name", object_name(sync));
    for (int i = 1;; i++) {
        cleanup_error struct error cause = {0};
        if (write_once(store, name, named, &cause) == 0)
            return 0;
        if (cause.code != ERROR_CONFLICT || i == ATTEMPTS) {
            error_wrap(&cause, "note what this Sync adopted");
            return error_move(err, &cause);
        }
    }
}

int adoptions_forget(struct store *store, const char *uid, struct error *err)
{
    cleanup_free char *name = record_name(uid);
    return store_record_delete(store, name, err);
}

static bool is_entry_of(const json_t *entry, const char *digest, const char *repository,
                        const char *channel)
{
    return strcmp(jval_string_or(entry, "digest", ""), digest) == 0 &&
           strcmp(jval_string_or(entry, "repository", ""), repository) == 0 &&
           strcmp(jval_string_or(entry, "channel", ""), channel != NULL ? channel : "") == 0;
}

const json_t *adoptions_find(const json_t *record, const char *digest, const char *repository,
                             const char *channel)
{
    size_t index;
    json_t *entry;
    json_array_foreach (jval_array(record, "history"), index, entry) {
        if (is_entry_of(entry, digest, repository, channel))
            return entry;
    }
    return NULL;
}

// The oldest lose their evidence first, and are no longer whole.
static void keep_small(json_t *history)
{
    size_t used = 0;
    size_t index;
    json_t *entry;
    while (json_array_size(history) > ADOPTION_HISTORY_MAX)
        json_array_remove(history, json_array_size(history) - 1);
    json_array_foreach (history, index, entry) {
        cleanup_free char *text = jval_compact(entry);
        used += strlen(text);
        if (used <= ADOPTION_RECORD_BYTES)
            continue;
        json_object_set_new(entry, "evidence", json_array());
        jval_set_bool(entry, "whole", false);
    }
}

void adoptions_note(json_t *record, json_t *entry)
{
    json_t *history = json_object_get(record, "history");
    if (!json_is_array(history)) {
        history = json_array();
        json_object_set_new(record, "history", history);
    }
    for (size_t i = json_array_size(history); i-- > 0;) {
        if (is_entry_of(json_array_get(history, i), jval_string_or(entry, "digest", ""),
                        jval_string_or(entry, "repository", ""), jval_string(entry, "channel")))
            json_array_remove(history, i);
    }
    json_array_insert_new(history, 0, entry);
    keep_small(history);
}
