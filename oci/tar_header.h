// The header block of a tar archive.
#ifndef OCI_TAR_HEADER_H
#define OCI_TAR_HEADER_H

#include "oci/tar.h"

// ustar's fields; POSIX.1-2017, pax, table "ustar Header Block". None is sure to end with a NUL.
struct tar_header {
    char name[100];
    char mode[8];
    char uid[8];
    char gid[8];
    char size[12];
    char mtime[12];
    char checksum[8];
    char type;
    char linkname[100];
    char magic[6];
    char version[2];
    char uname[32];
    char gname[32];
    char devmajor[8];
    char devminor[8];
    char prefix[155];
    char padding[12];
};
_Static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

#endif
