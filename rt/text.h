/* SPDX-License-Identifier: MIT */
/*
 * text.h - marks the runtime's own code, so that a signal handler knows it in a program that it is linked into. Floor 0.
 *
 * Each object file of the runtime says from where to where its code goes: an entry of the section gos_text. The first label stands before
 * everything else in the file's section, the last one in its last subsection, behind everything. CMakeLists.txt includes this in every C file.
 * R keeps the entries where a linker drops what nothing refers to; one that does not know it may drop them all, hence weak.
 */
#ifndef RT_TEXT_H
#define RT_TEXT_H

#ifdef __ASSEMBLER__

	.macro RT_TEXT_RANGE_OF section
	.pushsection \section, "ax", @progbits
.Lrt_text_from\@:
	.subsection 8000
.Lrt_text_to\@:
	.popsection
	.pushsection gos_text, "awR", @progbits
	.balign 8
	.quad .Lrt_text_from\@, .Lrt_text_to\@
	.popsection
	.endm
#define RT_TEXT_RANGE RT_TEXT_RANGE_OF .text

#else

/* Labels that may be defined again, because a link-time optimizer puts all files into one. */
#define RT_TEXT_RANGE_OF_(section)                                                                                                 \
	".pushsection " section ", \"ax\", @progbits\n"                                                                            \
	"88771:\n"                                                                                                                 \
	".subsection 8000\n"                                                                                                       \
	"88772:\n"                                                                                                                 \
	".popsection\n"                                                                                                            \
	".pushsection gos_text, \"awR\", @progbits\n.balign 8\n"                                                                  \
	".quad 88771b, 88772b\n"                                                                                                   \
	".popsection\n"
__asm__(RT_TEXT_RANGE_OF_(".text") RT_TEXT_RANGE_OF_(".text.unlikely"));

/* The entries of all of them. The same address twice: they are lost. */
struct rt_text_range {
	unsigned long from, to;
};
extern const struct rt_text_range __start_gos_text[] __attribute__((visibility("hidden"), weak));
extern const struct rt_text_range __stop_gos_text[] __attribute__((visibility("hidden"), weak));

#endif

#endif
