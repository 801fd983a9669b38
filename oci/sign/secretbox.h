// NaCl's secretbox: XSalsa20 with Poly1305 (Bernstein, "Extending the Salsa20 nonce"; "Cryptography
// in NaCl", section 10). OpenSSL has Poly1305 and no Salsa20. A box is 16 bytes of tag and then the
// ciphertext, as crypto_secretbox of NaCl and Go's nacl/secretbox write it.
#ifndef OCI_SIGN_SECRETBOX_H
#define OCI_SIGN_SECRETBOX_H

#include <stddef.h>

enum { SECRETBOX_KEY_SIZE = 32, SECRETBOX_NONCE_SIZE = 24, SECRETBOX_OVERHEAD = 16 };

// ret_box has size + SECRETBOX_OVERHEAD bytes and does not overlap data.
void secretbox_seal(const unsigned char key[SECRETBOX_KEY_SIZE],
                    const unsigned char nonce[SECRETBOX_NONCE_SIZE], const unsigned char *data,
                    size_t size, unsigned char *ret_box);
// ret_data has size - SECRETBOX_OVERHEAD bytes. -1, and nothing written, when the tag is wrong or
// the box is shorter than its tag.
int secretbox_open(const unsigned char key[SECRETBOX_KEY_SIZE],
                   const unsigned char nonce[SECRETBOX_NONCE_SIZE], const unsigned char *box,
                   size_t size, unsigned char *ret_data) __attribute__((warn_unused_result));

#endif
