// What `sealift create` wrote beside a Hook or a Sync: a Secret with a token, an account, rights.
// When the object is deleted they go with it as far as they are ours and nobody else uses them;
// what stays is told, with the command that removes it.
#ifndef CLI_LEFTOVERS_H
#define CLI_LEFTOVERS_H

#include <jansson.h>

#include "api/store.h"
#include "cli/command.h"

// `object` as it was when its deletion was asked for. What a Sync uses stays while it is not gone,
// because its account clears up. Never fails.
void leftovers_remove(const struct cli *cli, struct store *store, const json_t *object, bool gone);

#endif
