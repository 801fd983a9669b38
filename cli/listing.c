#include "cli/listing.h"

#include "base/memory.h"
#include "cli/tell.h"

#include <stdlib.h>

enum { MAX_NAMES_BYTES = 1024 };

void listing_init(struct listing *listing, const struct cli *cli, struct store *store)
{
    *listing = (struct listing){.cli = cli, .store = store};
    strbuf_init(&listing->denied, MAX_NAMES_BYTES);
}

void listing_release(struct listing *listing)
{
    strbuf_release(&listing->denied);
    error_release(&listing->cause);
}

int listing_add(struct listing *listing, const struct kind *kind, const char *namespace,
                json_t **ret_objects, struct error *err)
{
    cleanup_error struct error cause = {0};
    if (store_list(listing->store, kind->name, kind->namespaced ? namespace : NULL, ret_objects,
                   &cause) == 0) {
        listing->listed++;
        return 0;
    }
    if (cause.code != ERROR_DENIED)
        return error_move(err, &cause);
    strbuf_addf(&listing->denied, "%s%s", listing->denied.len > 0 ? ", " : "", kind->plural);
    if (listing->cause.code == ERROR_NONE)
        error_move(&listing->cause, &cause);
    *ret_objects = json_array();
    return 0;
}

int listing_finish(struct listing *listing, struct error *err)
{
    if (listing->cause.code == ERROR_NONE)
        return 0;
    if (listing->listed == 0)
        return error_move(err, &listing->cause);
    tell_warning(listing->cli, "%s: left out, you may not list them (%s)", listing->denied.data,
                 error_message(&listing->cause));
    return 0;
}
