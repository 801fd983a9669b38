// WWW-Authenticate and Link, as a registry sends them.
#include "base/memory.h"
#include "oci/challenge.h"
#include "oci/link.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = xstrndup((const char *)data, size);
    cleanup_vec struct vec challenges = OCI_CHALLENGES;
    cleanup_error struct error err = {0};
    if (oci_challenges_parse(text, &challenges, &err) == 0) {
        vec_foreach (const struct oci_challenge, challenge, &challenges)
            if (*challenge->scheme == '\0')
                abort();
    }
    cleanup_free char *next = oci_link_next(text);
    if (next != NULL && strchr(next, '>') != NULL)
        abort();
    return 0;
}
