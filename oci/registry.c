#include "oci/repository_internal.h"

int oci_registry_new(const struct oci_reference *reference, const struct oci_access *access,
                     struct oci_repository **ret_repository, struct error *err)
{
    (void)access;
    (void)ret_repository;
    return error_set(err, ERROR_INVALID, "registry %s: only layouts can be reached so far",
                     reference->host);
}
