// Lists of several kinds at once, by somebody who need not be allowed to see all of them: what may
// not be listed is left out and told in one sentence at the end.
#ifndef CLI_LISTING_H
#define CLI_LISTING_H

#include <jansson.h>

#include "api/kind.h"
#include "api/store.h"
#include "base/strbuf.h"
#include "cli/command.h"

struct listing {
    const struct cli *cli;
    struct store *store;
    size_t listed;        // kinds
    struct strbuf denied; // their plurals
    struct error cause;   // why the first of them
};
// Both are borrowed.
void listing_init(struct listing *listing, const struct cli *cli, struct store *store);
void listing_release(struct listing *listing);
#define cleanup_listing __attribute__((cleanup(listing_release)))

// As store_list (namespace NULL = all; not for kinds without one), but an empty array, owned, for
// what is denied.
int listing_add(struct listing *listing, const struct kind *kind, const char *namespace,
                json_t **ret_objects, struct error *err) __attribute__((warn_unused_result));
// Warns of what was left out. ERROR_DENIED when that is everything.
int listing_finish(struct listing *listing, struct error *err) __attribute__((warn_unused_result));

#endif
