// Any JSON as an object, and any text as an identity: nothing may crash, and what validation takes
// it takes with its defaults too.
#include "api/identity.h"
#include "api/kind.h"
#include "base/jval.h"
#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_identities(const char *text)
{
    cleanup_free char *git = NULL;
    cleanup_free char *oci = NULL;
    if (identity_git(text, &git, NULL) == 0) {
        // An identity is its own identity, unless its host is a bare word.
        cleanup_free char *again = NULL;
        if (identity_git(git, &again, NULL) == 0 && strcmp(git, again) != 0)
            abort();
    }
    if (identity_oci(text, &oci, NULL) == 0) {
        cleanup_free char *again = NULL;
        if (identity_oci(oci, &again, NULL) < 0 || strcmp(oci, again) != 0)
            abort();
        identity_match(text, oci);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 65536)
        return 0;
    cleanup_free char *text = xstrndup((const char *)data, size);
    try_identities(text);
    json_t *object = NULL;
    if (jval_parse(text, strlen(text), "input", &object, NULL) < 0)
        return 0;
    bool fine = api_check(object, NULL) == 0;
    json_t *filled = api_with_defaults(object);
    if (fine && api_check(filled, NULL) < 0)
        abort();
    selector_matches(jval_get(object, "spec.selector"), jval_get(object, "metadata.labels"));
    json_decref(filled);
    json_decref(object);
    return 0;
}
