// An in-toto statement about a fixed digest.
#include "oci/sign/statement.h"

#include "base/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char digest[] =
        "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    cleanup_statement struct statement statement = {0};
    cleanup_statement struct statement again = {0};
    cleanup_error struct error err = {0};
    if (statement_parse(data, size, digest, &statement, &err) < 0)
        return 0;
    cleanup_free char *text = NULL;
    if (statement.kind == STATEMENT_RELEASE)
        text = statement_build_release(statement.subject_name, digest, &statement.release);
    else if (statement.kind == STATEMENT_PROVENANCE)
        text = statement_build_provenance(statement.subject_name, digest, &statement.provenance);
    else if (statement.kind == STATEMENT_APPROVAL)
        text = statement_build_approval(statement.subject_name, digest, &statement.approval);
    if (text != NULL && statement_parse(text, strlen(text), digest, &again, NULL) < 0)
        abort();
    return 0;
}
