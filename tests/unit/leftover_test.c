/* What a message's writer leaves on its stack: looked for in memory that the test gives it as its stack. */
#include "record/esdk.h"

#include <pthread.h>
#include <stdlib.h>

#include "check.h"

#define STACK_BYTES (1u << 20)

static uint8_t data_key[ESDK_KEY_BYTES], message_id[ESDK_ID_BYTES], content[200000], message[300000];
static struct esdk esdk;
static bool begin_alone; /* nothing that comes later covers what the key's derivation left */

static void *write_message(void *arg)
{
	struct esdk_edk edk = {.provider = SPAN("aws-kms"), .info = SPAN("arn"), .ciphertext = SPAN("edk")};
	struct buf out = BUF_OF(message);
	enum err e = esdk_begin(&esdk, data_key, message_id, SPAN(""), &edk, &out);
	if (begin_alone) {
		esdk_abort(&esdk);
		*(enum err *)arg = e;
		return NULL;
	}
	if (!e)
		e = esdk_write(&esdk, span_of(content, sizeof(content)), &out);
	if (!e)
		e = esdk_end(&esdk, &out);
	*(enum err *)arg = e;
	return NULL;
}

/* Eight bytes of it anywhere, as they are or as the words of a big-endian hash. */
static unsigned found(const uint8_t *stack, const uint8_t *key)
{
	unsigned count = 0;
	for (size_t k = 0; k < ESDK_KEY_BYTES; k += 8) {
		uint8_t turned[8];
		for (size_t i = 0; i < 8; i++)
			turned[i] = key[k + 7 - i];
		for (size_t i = 0; i + 8 <= STACK_BYTES; i++)
			count += memcmp(stack + i, key + k, 8) == 0 || memcmp(stack + i, turned, 8) == 0;
	}
	return count;
}

static void look(void)
{
	struct esdk_derived keys;
	pthread_attr_t attr;
	pthread_t thread;
	enum err e = ERR_SYSTEM;
	uint8_t *stack = aligned_alloc(4096, STACK_BYTES);
	memset(stack, 0, STACK_BYTES);
	for (size_t i = 0; i < ESDK_KEY_BYTES; i++) {
		data_key[i] = (uint8_t)(i * 37 + 11);
		message_id[i] = (uint8_t)(i * 91 + 3);
	}
	CHECK(!pthread_attr_init(&attr) && !pthread_attr_setstack(&attr, stack, STACK_BYTES));
	CHECK(!pthread_create(&thread, &attr, write_message, &e) && !pthread_join(thread, NULL));
	esdk_derive(ESDK_SUITE_COMMIT, data_key, message_id, &keys);
	CHECK(!e && found(stack, data_key) == 0 && found(stack, keys.content_key) == 0);
	free(stack);
}

static void no_key(void)
{
	begin_alone = true;
	look();
	begin_alone = false;
	look();
}

int main(void)
{
	RUN(no_key, "a message's writer leaves neither its data key nor its content key on the stack");
	return check_done();
}
