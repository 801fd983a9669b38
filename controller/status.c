#include "controller/status.h"

#include "api/object.h"
#include "api/store.h"
#include "base/jval.h"

#include <string.h>

enum { ATTEMPTS = 5, HISTORY_MAX = 10 };

bool status_is_final(const struct error *err)
{
    return err->code == ERROR_INVALID || err->code == ERROR_UNVERIFIED || err->code == ERROR_LIMIT;
}

int status_write(struct store *store, const json_t *object, const json_t *status, struct error *err)
{
    cleanup_json json_t *fresh = jval_ref(object);
    for (int i = 1; store_put_status(store, fresh, status, NULL, err) < 0; i++) {
        json_t *again = NULL;
        if (err->code != ERROR_CONFLICT)
            return -1;
        if (i == ATTEMPTS)
            return error_wrap(err, "status after %d tries", ATTEMPTS);
        error_release(err);
        if (store_get(store, object_kind(object), object_namespace(object), object_name(object),
                      &again, err) < 0)
            return -1;
        json_decref(fresh);
        fresh = again;
        if (strcmp(object_uid(fresh), object_uid(object)) != 0)
            return error_set(err, ERROR_NOT_FOUND, "the %s was replaced meanwhile",
                             object_kind(object));
    }
    return 0;
}

void status_add_history(json_t *status, json_t *entry)
{
    json_t *history = json_object_get(status, "history");
    if (!json_is_array(history)) {
        history = json_array();
        json_object_set_new(status, "history", history);
    }
    json_array_insert_new(history, 0, entry);
    while (json_array_size(history) > HISTORY_MAX)
        json_array_remove(history, json_array_size(history) - 1);
}
