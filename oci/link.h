// The Link header of paginated answers. Format: RFC 8288.
#ifndef OCI_LINK_H
#define OCI_LINK_H

// The target of the first link with rel="next" as it stands (often relative), or NULL. Owned.
char *oci_link_next(const char *value);

#endif
