/* Mbed TLS asks whoever uses it for random bytes. Where it is the tests' alone (a server, a second opinion),
 * the same bytes in each run will do. */
#include <psa/crypto.h>

psa_status_t mbedtls_psa_external_get_random(mbedtls_psa_external_random_context_t *context, uint8_t *output,
					     size_t output_size, size_t *output_length)
{
	static uint64_t seed = 88172645463325252u;
	(void)context;
	for (size_t i = 0; i < output_size; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		output[i] = (uint8_t)(seed >> 24);
	}
	*output_length = output_size;
	return PSA_SUCCESS;
}
