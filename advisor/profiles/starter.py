"""The commented starter that `advisor profile new` writes."""

STARTER = """\
# A procurement question for advisor. Required: [model], [traffic]. Everything else has a default, and
# every default that is taken is listed as an assumption in the answer.
# Check with: advisor profile validate FILE      All keys: advisor profile schema

name = "My service"
summary = ""                        # the situation in a sentence
risk_appetite = "neutral"           # averse, neutral, seeking
# candidates = ["mi355x", "b200"]   # default: mi300x mi325x mi350x mi355x h100 h200 b200 b300

[model]
id = "llama3.3-70b"                 # or as servers call it, "meta-llama/Llama-3.3-70B-Instruct"; or config_json =
                                    # "path/to/config.json"; or a [model.custom] table
precisions = ["fp8", "fp4"]         # weight precisions that you accept: bf16, fp8, fp4, int4
kv_cache_precision = "fp8"          # bf16 or fp8
speculative = true                  # speculative decoding may be used where it is measured

[traffic]
isl = 1500                          # input tokens per request: a mean, or { p50 = 1000, p95 = 4000 }
osl = 400                           # output tokens per request
peak_concurrency = 200              # requests in flight at the busiest time; or peak_requests_per_s = 12
average_to_peak = 0.5               # average demand while in use, over peak
hours_per_day = 24
days_per_week = 7
growth_per_year = 0.0               # 0.5 is +50 % a year
prefix_cache_hit_rate = 0.0         # share of input tokens found in the prefix cache
burst_headroom = 0.15               # capacity above the peak for bursts

[slo]                               # without any of the three limits 2,000 and 50 ms are taken
# e2e_ms = 3600000                  # whole request at most; for work that nobody waits for, this one alone
ttft_ms = 2000                      # time to first token at most
tpot_ms = 50                        # time per output token at most; 50 ms is 20 tokens/s per user
percentile = 95                     # of requests: 50, 90, 95 or 99
availability = 0.999                # share of time that full peak capacity is up
justification = ""                  # why this level
link = ""                           # where it comes from

[team]
rocm_experience = "some"            # none, some, expert
cuda_experience = "expert"
engineers = 4
engines = []                        # engines in use: "vllm", "sglang", "trt", "atom"
custom_kernels = false
lora = false
multimodal = false
disaggregation = false              # prefill and decode on separate GPUs
# engineer_usd_per_year = 250000    # default from the catalog
# rocm_extra_engineers = 1          # overrules the program's estimate

[place]
country = "US"                      # ISO code or English name
# headquarters_country = "US"       # the buyer's; default: country
# ultimate_parent_country = "US"
# end_user_countries = ["US"]
# data_residency = ["DE", "FR"]     # countries that data may not leave; "EU" for all of its members
exclude_us_providers = false

[procurement]
mode = "either"                     # rent, buy, either
horizon_months = 36
# start_date = 2027-01-15
commitment = "any"                  # any, spot, on_demand, reserved_1y, reserved_3y; with mode either, one of them
                                    # leaves a purchase out; spot counts only where it is asked for
seller = "any"                      # any, neocloud, hyperscaler
volume_discount = 0.0               # discount that you have been promised
# budget_usd_per_month = 500000
# cost_of_capital = 0.10            # per year; default from the catalog

# [[procurement.quotes]]            # prices in hand overrule the catalog; repeat the table for more
# accelerator = "mi355x"
# kind = "rent"                     # rent: USD per GPU-hour; buy: USD per GPU with its share of the node
# usd = 3.10
# commitment = "reserved_1y"
# provider = "who quoted"
# as_of = 2026-11-01

# [procurement.hosted_api]          # what the same tokens cost at a hosted API
# provider = "whose"
# usd_per_mtok_input = 0.60
# usd_per_mtok_output = 0.90

[site]                              # matters only where you buy
# power_kw = 200                    # IT power available
# rack_kw = 40                      # power and cooling per rack
# liquid_cooling = false
# pue = 1.3
# power_usd_per_kwh = 0.12

# [overrides]
# throughput_factor = { mi355x = 0.9 }   # factor on estimated throughput
"""
