/* probe: is a frame worth compressing? Encrypted and packed content is not, and takes as long.
 *
 * Short samples from all over the frame, joined, are compressed by the fastest positive level: a sixty-fourth
 * of a frame of 1 MiB, so about one percent of what compressing it costs. What packets have around their
 * content shrinks in the samples as it does in the frame.
 */
#ifndef SEALTAP_RECORD_PROBE_H
#define SEALTAP_RECORD_PROBE_H

#include "lib/zstd.h"

#define PROBE_SAMPLES 8u
#define PROBE_SAMPLE_BYTES 2048u
/* Shorter frames are compressed unasked: they come where there is little to do. */
#define PROBE_FRAME_MIN (256u * 1024)

/* Percent of its bytes that compression would probably save; 100 for a frame below PROBE_FRAME_MIN. The
 * workspace holds plaintext afterwards. */
unsigned probe_gain(struct zstd_encoder *enc, struct span raw);
/* Is that enough for this level of zstd, the one that would be used? Above level 1 size counts more than
 * time; who is behind falls below it, and then time counts. */
bool probe_worth(unsigned gain_percent, int level);

#endif
