# 050_xgboost.pl - models trained here score in XGBoost's own package as they do here, and are the models it trains
use strict;
use warnings;
use EngageGolden;
use EngageTest;
use Test::More;

EngageGolden::need('numpy', 'xgboost');
EngageGolden::run(EngageTest->new, 'xgboost_scores.py');
done_testing;
