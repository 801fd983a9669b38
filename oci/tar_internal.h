// Pax headers, for the reader.
#ifndef OCI_TAR_INTERNAL_H
#define OCI_TAR_INTERNAL_H

#include "oci/tar_header.h"

// The records of a pax header: *path is set (owned) by a path record when entry-wide records may
// name one. Records that would change what an entry is are refused. ERROR_INVALID.
int tar_pax_parse(const char *records, size_t size, bool global, char **path, struct error *err)
    __attribute__((warn_unused_result));

#endif
