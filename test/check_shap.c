/*
 * check_shap.c - forest_shap*.c as a library for test/golden/shap.py
 *
 * Compiled by check_shap.sh together with the files that it checks, without a
 * server: memory contexts are counted here, so that the script can see what
 * an explanation leaves behind, and interrupts can be ordered.
 */
#include "postgres.h"

#include <setjmp.h>

#include "algo/forest_shap.h"
#include "miscadmin.h"
#include "utils/memutils.h"

/* ---------------- what the files need of the server ---------------- */

typedef struct Piece
{
	struct Piece *next;
	struct Piece **before;
	Size		size;
	MemoryContext context;		/* right before the memory, where PostgreSQL 15 looks for it */
} Piece;

typedef struct FakeContext
{
	MemoryContextData common;
	Piece	   *pieces;
	Size		bytes;
} FakeContext;

MemoryContext CurrentMemoryContext = NULL;
volatile sig_atomic_t InterruptPending = false;
volatile uint32 InterruptHoldoffCount = 0;
static sigjmp_buf cancelled;
static int	interrupts_left = -1;
static FakeContext top;

void
ProcessInterrupts(void)
{
	if (interrupts_left > 0)
		interrupts_left--;
	else if (interrupts_left == 0)
		siglongjmp(cancelled, 1);
}

void *
palloc_extended(Size size, int flags)
{
	FakeContext *c = (FakeContext *) CurrentMemoryContext;
	Piece	   *p = malloc(sizeof(Piece) + size);

	if ((flags & MCXT_ALLOC_ZERO) != 0)
		memset(p + 1, 0, size);
	else
		memset(p + 1, 0x7f, size);
	p->context = CurrentMemoryContext;
	p->size = size;
	p->next = c->pieces;
	p->before = &c->pieces;
	if (p->next)
		p->next->before = &p->next;
	c->pieces = p;
	c->bytes += size;
	return p + 1;
}

void *
palloc(Size size)
{
	return palloc_extended(size, 0);
}

void *
palloc0(Size size)
{
	return palloc_extended(size, MCXT_ALLOC_ZERO);
}

void
pfree(void *memory)
{
	Piece	   *p = (Piece *) memory - 1;

	*p->before = p->next;
	if (p->next)
		p->next->before = p->before;
	((FakeContext *) p->context)->bytes -= p->size;
	free(p);
}

#if PG_VERSION_NUM >= 160000
MemoryContext
GetMemoryChunkContext(void *memory)
{
	return ((Piece *) memory - 1)->context;
}
#endif

#undef AllocSetContextCreate
#undef AllocSetContextCreateInternal
MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name, Size min, Size init, Size max)
{
	FakeContext *c = calloc(1, sizeof(FakeContext));

	c->common.parent = parent;
	c->common.nextchild = parent->firstchild;
	parent->firstchild = &c->common;
	return &c->common;
}

static void
leave_parent(MemoryContext c)
{
	MemoryContext *at = &c->parent->firstchild;

	while (*at != c)
		at = &(*at)->nextchild;
	*at = c->nextchild;
}

void
MemoryContextDelete(MemoryContext context)
{
	FakeContext *c = (FakeContext *) context;

	while (context->firstchild)
		MemoryContextDelete(context->firstchild);
	leave_parent(context);
	while (c->pieces)
		pfree(c->pieces + 1);
	free(c);
}

void
MemoryContextSetParent(MemoryContext context, MemoryContext parent)
{
	leave_parent(context);
	context->parent = parent;
	context->nextchild = parent->firstchild;
	parent->firstchild = context;
}

/* ---------------- for the script ---------------- */

extern EgForest *shap_forest(EgForest *given);
extern Size shap_bytes(EgForest *f);
extern Size shap_bytes_all(void);
extern void shap_free(EgForest *f);
extern int	shap_call(int what, const EgForest *f, const float *x, Size n, const float *background,
					  double *out, int interrupts);

static Size
bytes_below(MemoryContext c)
{
	Size		n = ((FakeContext *) c)->bytes;

	for (MemoryContext child = c->firstchild; child; child = child->nextchild)
		n += bytes_below(child);
	return n;
}

/* A forest in a context of its own, its arrays being the script's. */
EgForest *
shap_forest(EgForest *given)
{
	EgForest   *f;

	CurrentMemoryContext = &top.common;
	CurrentMemoryContext = AllocSetContextCreateInternal(&top.common, "model", 0, 0, 0);
	f = palloc0(sizeof(EgForest));
	*f = *given;
	f->code = NULL;
	f->shap = NULL;
	CurrentMemoryContext = &top.common;
	return f;
}

/* Bytes in the forest's context and below. */
Size
shap_bytes(EgForest *f)
{
	return bytes_below(((Piece *) f - 1)->context);
}

Size
shap_bytes_all(void)
{
	return bytes_below(&top.common);
}

void
shap_free(EgForest *f)
{
	MemoryContextDelete(((Piece *) f - 1)->context);
}

/* 0; 1 if it was cancelled at the given interrupt. */
int
shap_call(int what, const EgForest *f, const float *x, Size n, const float *background, double *out,
		  int interrupts)
{
	MemoryContext call = AllocSetContextCreateInternal(&top.common, "call", 0, 0, 0);
	int			failed = 0;

	interrupts_left = interrupts;
	InterruptPending = interrupts >= 0;
	CurrentMemoryContext = call;
	if (sigsetjmp(cancelled, 0) == 0)
	{
		if (what == 0)
			eg_forest_explain(f, x, n, f->nfeatures, out);
		else if (what == 1)
			eg_forest_explain_against(f, x, background, n, f->nfeatures, out);
		else
			eg_forest_interactions(f, x, out);
	}
	else
		failed = 1;
	InterruptPending = false;
	CurrentMemoryContext = &top.common;
	MemoryContextDelete(call);
	return failed;
}
