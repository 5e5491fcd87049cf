/* password.c - DM's encrypted passwords: Base64 of IV, '@' and AES-256-CFB of the text. */
#include <errno.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "key.h"
#include "scalar.h"

enum { IV_LEN = 16, HEAD_LEN = IV_LEN + 1, MARK = '@' };

/* DM's own, in each of its binaries: it hides passwords from a glance, no more. */
static const uint8_t dm_key[32] = { 0xa5, 0x29, 0xb7, 0x66, 0x59, 0x97, 0xf0, 0x43, 0xa3, 0x0a,
	0xc8, 0xfa, 0xdc, 0xb5, 0x1d, 0x6a, 0xa0, 0x32, 0xc2, 0x26, 0xab, 0x5b, 0x77, 0x50, 0x53,
	0x0b, 0x12, 0xb8, 0xc1, 0xa1, 0x6a, 0x48 };

/* CFB keeps the length: `ret` has room for `len` bytes. */
static int crypt_cfb(
	bool encrypt, const uint8_t *iv, const uint8_t *bytes, size_t len, uint8_t *ret)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int done = 0, r = -EIO;

	if (!ctx)
		dm_oom();
	if (len <= INT32_MAX &&
		EVP_CipherInit_ex(ctx, EVP_aes_256_cfb128(), NULL, dm_key, iv, encrypt) == 1 &&
		EVP_CipherUpdate(ctx, ret, &done, bytes, (int)len) == 1 && (size_t)done == len)
		r = 0;
	EVP_CIPHER_CTX_free(ctx);
	return r;
}

char *conf_password_decrypt(const char *text)
{
	DM_CLEANUP(freep) uint8_t *blob = NULL;
	DM_CLEANUP(freep) char *plain = NULL;
	size_t len;

	if (conf_base64_decode(text, &blob, &len) < 0 || len < HEAD_LEN || blob[IV_LEN] != MARK)
		return dm_strdup(text);
	plain = dm_alloc(len - HEAD_LEN + 1);
	if (crypt_cfb(false, blob, blob + HEAD_LEN, len - HEAD_LEN, (uint8_t *)plain) < 0)
		return dm_strdup(text);
	return take_ptr(plain);
}

int conf_password_encrypt(const char *plain, char **ret, struct dm_error *reterr)
{
	size_t len = strlen(plain);
	DM_CLEANUP(freep) uint8_t *blob = dm_alloc(HEAD_LEN + len);

	if (RAND_bytes(blob, IV_LEN) != 1)
		return dm_fail(reterr, DM_ERR_GENERATE_IV, "generate iv");
	blob[IV_LEN] = MARK;
	if (crypt_cfb(true, blob, (const uint8_t *)plain, len, blob + HEAD_LEN) < 0)
		return dm_fail(reterr, DM_ERR_GENERATE_CIPHER, "generate cipher");
	*ret = dm_alloc((HEAD_LEN + len + 2) / 3 * 4 + 1);
	(void)EVP_EncodeBlock((unsigned char *)*ret, blob, (int)(HEAD_LEN + len)); /* cannot fail */
	return 0;
}
