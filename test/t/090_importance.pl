# 090_importance.pl - importance and dependence against XGBoost's package, scikit-learn and numpy
use strict;
use warnings;
use EngageGolden;
use EngageTest;
use Test::More;

EngageGolden::need('numpy', 'xgboost', 'pandas', 'sklearn');
EngageGolden::run(EngageTest->new, 'importance.py');
done_testing;
