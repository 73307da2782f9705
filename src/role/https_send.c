#include "role/https_send.h"

#include "os/clock.h"
#include "os/tcp.h"

#define TURN_BYTES 262144 /* before other descriptors get their turn */

size_t https_request_bytes(const struct https *h)
{
	return h->request.head.len + h->request.body.len;
}

/* What of the request is still to be written: the rest of its head, else of its body. */
static struct span rest_of_request(const struct https *h)
{
	if (h->written < h->request.head.len)
		return span_from(h->request.head, h->written);
	return span_from(h->request.body, h->written - h->request.head.len);
}

static enum err push(struct https *h, struct span bytes, bool more, size_t *sent)
{
	TRY(tcp_send(h->fd, bytes, more, sent));
	if (*sent)
		h->progress_ns = clock_mono_ns();
	return ERR_OK;
}

static enum err send_plain(struct https *h)
{
	size_t all = https_request_bytes(h), from = h->written, sent = 1;
	while (sent && h->written < all && h->written - from < TURN_BYTES) {
		struct span part = span_first(rest_of_request(h), TURN_BYTES - (h->written - from));
		TRY(push(h, part, h->written + part.len < all, &sent));
		h->written += sent;
	}
	h->sent_all = h->written == all;
	return ERR_OK;
}

/* What TLS itself has to say goes first; then as much of the request as there is room for. */
static void fill_batch(struct https *h)
{
	struct span out;
	size_t taken = 1;
	buf_reset(&h->batch);
	h->batch_sent = 0;
	while ((out = span_first(tls_out(&h->tls), buf_room(&h->batch))).len) {
		buf_put(&h->batch, out);
		tls_out_done(&h->tls, out.len);
	}
	while (taken && h->written < https_request_bytes(h)) {
		taken = tls_write(&h->tls, rest_of_request(h), &h->batch);
		h->written += taken;
	}
}

size_t https_unsent(struct https *h)
{
	return h->batch.len - h->batch_sent + tls_out(&h->tls).len;
}

/* The batch, which is filled again until the socket is full or it is another's turn. */
static enum err send_batches(struct https *h, size_t limit)
{
	size_t all = https_request_bytes(h), sent = 1;
	for (size_t total = 0; sent && total < limit; total += sent) {
		if (h->batch_sent == h->batch.len)
			fill_batch(h);
		struct span out = span_from(buf_span(&h->batch), h->batch_sent);
		if (!out.len)
			break;
		TRY(push(h, out, tls_ready(&h->tls) && h->written < all, &sent));
		h->batch_sent += sent;
	}
	return ERR_OK;
}

enum err https_send(struct https *h)
{
	if (!h->use_tls)
		return send_plain(h);
	TRY(send_batches(h, TURN_BYTES));
	/* TLS may have something to say of its own after that: the request stays sent */
	h->sent_all |= h->written == https_request_bytes(h) && https_unsent(h) == 0;
	return ERR_OK;
}

void https_send_last(struct https *h)
{
	enum err e = send_batches(h, HTTPS_BATCH_BYTES);
	(void)e; /* it is over in any case */
}
