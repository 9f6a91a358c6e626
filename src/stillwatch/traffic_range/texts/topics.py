"""What texts are about: for every topic its nouns, verbs and qualities. Honest and other traffic draw from all."""

from __future__ import annotations

TOPICS: dict[str, tuple[str, str, str]] = {
    "cooking": (
        "sourdough starter,braised cabbage,stock pot,pie crust,fish marinade,lentil soup,rice cooker,spice rub,oven"
        " temperature,cast-iron pan,dumpling filling,birthday cake",
        "bake,season,braise,thicken,plate,ferment",
        "crisp,salty,over-proofed,gluten-free,leftover",
    ),
    "travel": (
        "night train,layover,travel insurance,visa form,hostel booking,coastal trail,rental car,packing list,ferry"
        " timetable,city pass,boarding gate,lost suitcase",
        "book,reschedule,cross,reach,plan,cancel",
        "overnight,refundable,crowded,remote,last-minute",
    ),
    "health": (
        "blood test,knee brace,sleep diary,allergy season,physiotherapy plan,resting pulse,vaccine schedule,iron"
        " level,migraine trigger,hearing aid,dental crown,walking routine",
        "treat,track,ease,prevent,measure,recover from",
        "chronic,mild,seasonal,post-operative,unexplained",
    ),
    "tax": (
        "tax return,home-office deduction,invoice number,capital gain,customs duty,payroll slip,quarterly"
        " filing,late fee,depreciation table,expense receipt,pension contribution,sales ledger",
        "declare,deduct,file,amortise,reconcile,appeal",
        "overdue,deductible,cross-border,flat-rate,disputed",
    ),
    "law": (
        "tenancy contract,notice period,liability clause,witness statement,patent claim,custody agreement,privacy"
        " notice,arbitration award,power of attorney,zoning permit,non-compete,warranty term",
        "draft,contest,terminate,enforce,negotiate,sign",
        "binding,ambiguous,unlawful,standard,void",
    ),
    "databases": (
        "composite index,connection pool,replica lag,migration script,query plan,foreign key,partitioned table,write"
        " lock,backup window,materialised view,schema change,dead tuple",
        "index,migrate,shard,vacuum,restore,profile",
        "slow,normalised,read-only,corrupted,temporary",
    ),
    "frontend": (
        "login form,scroll handler,style sheet,date picker,modal dialog,image carousel,form validator,router"
        " guard,shadow tree,font loader,drag handle,focus ring",
        "render,debounce,lazy-load,style,hydrate,test",
        "responsive,flickering,accessible,nested,reusable",
    ),
    "backend": (
        "job queue,rate limiter,webhook endpoint,retry policy,session cache,health check,message broker,access"
        " token,feature flag,load balancer,request parser,audit trail",
        "deploy,throttle,refactor,cache,containerise,debug",
        "idempotent,flaky,asynchronous,stateless,deprecated",
    ),
    "statistics": (
        "confidence interval,regression slope,sample size,outlier rule,survival curve,missing value,random"
        " effect,posterior mean,contingency table,bootstrap estimate,time series,residual plot",
        "estimate,fit,impute,test,bootstrap,weigh",
        "skewed,unbiased,heavy-tailed,paired,stationary",
    ),
    "mathematics": (
        "prime factor,triangle side,infinite series,matrix rank,geometric sequence,probability tree,graph"
        " colouring,inverse function,polynomial root,vector field,modular equation,convex hull",
        "prove,factor,integrate,bound,count,simplify",
        "finite,irrational,orthogonal,recursive,odd",
    ),
    "physics": (
        "pendulum,inclined plane,heat pump,magnetic coil,standing wave,orbit period,friction coefficient,lens"
        " formula,pressure gauge,electric circuit,decay chain,wind tunnel",
        "accelerate,cool,measure,derive,polarise,balance",
        "elastic,superheated,uniform,damped,relativistic",
    ),
    "chemistry": (
        "buffer solution,titration curve,catalyst bed,crystal lattice,reaction rate,solvent trap,boiling"
        " point,oxidation state,flame test,polymer chain,gas mixture,distillation column",
        "dilute,titrate,precipitate,oxidise,purify,balance",
        "acidic,volatile,aqueous,inert,saturated",
    ),
    "biology": (
        "enzyme assay,cell membrane,pollen count,gene variant,food web,tide pool,protein fold,root nodule,wing"
        " pattern,bacterial colony,migration route,soil sample",
        "sequence,culture,classify,breed,stain,observe",
        "dominant,nocturnal,invasive,symbiotic,dormant",
    ),
    "history": (
        "trade route,peace treaty,harbour town,census record,grain shortage,royal charter,railway strike,printing"
        " press,border fort,land reform,colonial archive,guild rule",
        "date,compare,trace,interpret,summarise,dispute",
        "medieval,contested,forgotten,provincial,post-war",
    ),
    "politics": (
        "coalition talks,press freedom,border protest,local election,party congress,pension reform,emergency"
        " decree,voting district,opposition leader,trade sanction,public hearing,street demonstration",
        "criticise,explain,reform,censor,debate,support",
        "sensitive,banned,unpopular,nationwide,leaked",
    ),
    "marketing": (
        "newsletter subject,landing page,brand voice,referral bonus,product launch,customer survey,press"
        " release,loyalty card,banner slogan,podcast sponsor,seasonal offer,buyer persona",
        "pitch,segment,announce,promote,reword,schedule",
        "catchy,underperforming,local,premium,early-bird",
    ),
    "support": (
        "refund request,delivery delay,warranty case,password reset,damaged parcel,double charge,missing"
        " part,subscription renewal,service outage,return label,activation code,chat transcript",
        "answer,escalate,refund,apologise for,close,triage",
        "angry,duplicate,urgent,resolved,polite",
    ),
    "hiring": (
        "cover letter,job posting,interview question,reference call,salary band,onboarding week,career gap,skills"
        " matrix,offer letter,internship report,team charter,exit interview",
        "shortlist,interview,rewrite,onboard,assess,promote",
        "senior,part-time,remote,overqualified,anonymous",
    ),
    "finance": (
        "bond yield,cash-flow forecast,credit spread,dividend date,hedging cost,loan covenant,portfolio"
        " weight,currency swap,margin call,price target,earnings call,default rate",
        "hedge,value,forecast,rebalance,audit,discount",
        "volatile,undervalued,callable,quarterly,illiquid",
    ),
    "gardening": (
        "tomato seedling,compost heap,pruning shears,drip hose,rose cutting,raised bed,slug trap,fruit tree,frost"
        " cover,clay soil,herb pot,lawn patch",
        "prune,sow,transplant,water,graft,fertilise",
        "shady,drought-proof,root-bound,late-flowering,wilting",
    ),
    "music": (
        "chord progression,bass line,drum loop,vocal take,string quartet,modulation,practice plan,reverb tail,key"
        " change,guitar riff,choir part,wedding playlist",
        "compose,transpose,arrange,mix,rehearse,record",
        "minor,syncopated,muddy,slow-burning,off-key",
    ),
    "fiction": (
        "unreliable narrator,opening scene,villain's motive,desert city,space station,love letter,ghost story,plot"
        " twist,detective's notebook,dragon rider,family saga,final chapter",
        "rewrite,foreshadow,describe,outline,shorten,dramatise",
        "brooding,humorous,slow,first-person,unfinished",
    ),
    "logistics": (
        "pallet count,delivery window,cold chain,freight quote,stock level,loading dock,route plan,customs"
        " seal,packing slip,return shipment,fleet sensor,warehouse shift",
        "route,consolidate,dispatch,track,reorder,inspect",
        "delayed,oversized,refrigerated,understocked,inbound",
    ),
    "security": (
        "phishing mail,access log,firewall rule,certificate chain,incident report,malware sample,password"
        " vault,backup copy,vulnerability scan,privilege change,audit finding,key rotation",
        "patch,audit,contain,encrypt,review,revoke",
        "suspicious,expired,exposed,unpatched,privileged",
    ),
}
"""Topic -> nouns, verbs, qualities."""

NAMES = list(TOPICS)
NOUNS = [nouns.split(",") for nouns, _, _ in TOPICS.values()]
VERBS = [verbs.split(",") for _, verbs, _ in TOPICS.values()]
QUALITIES = [qualities.split(",") for _, _, qualities in TOPICS.values()]
