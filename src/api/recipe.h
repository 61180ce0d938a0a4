/*-------------------------------------------------------------------------
 *
 * recipe.h
 *	  The arguments of engage_train() as a value: read from a call, kept with
 *	  the version as JSON, read back to train again.
 *
 *-------------------------------------------------------------------------
 */
#ifndef EG_RECIPE_H
#define EG_RECIPE_H

#include "fmgr.h"
#include "store/gate.h"
#include "store/registry.h"
#include "store/train.h"

typedef enum EgDeploy
{
	EG_DEPLOY_BETTER,
	EG_DEPLOY_ALWAYS,
	EG_DEPLOY_NEVER
} EgDeploy;

typedef struct EgRecipe
{
	EgTrainSpec spec;
	EgDeploy	deploy;
	double		min_improvement;
	char	   *search_path;	/* in force when the source was given */
	char	   *author;			/* whose rights it is read with */
	Jsonb	   *names;			/* what its names mean to that role; NULL: not looked up yet */
	EgText	   *text;			/* the source as a stored text; NULL: it was given with this call */
} EgRecipe;

/* From the arguments of engage_train(), in the order of sql/20_train.sql. */
extern EgRecipe *eg_recipe_from_call(FunctionCallInfo fcinfo);

extern Jsonb *eg_recipe_to_json(const EgRecipe *r);

/* The recipe of a version, to be repeated; error when it was imported. */
extern EgRecipe *eg_recipe_of_version(const EgVersionRow *v);

extern EgDeploy eg_deploy_parse(const char *word);

/* An argument of a call: its text, or NULL; its names (of char *), or NIL. */
extern char *eg_arg_text(FunctionCallInfo fcinfo, int i);
extern List *eg_arg_names(FunctionCallInfo fcinfo, int i, const char *argument);

extern Jsonb *eg_json_parse(const char *text);

#endif							/* EG_RECIPE_H */
