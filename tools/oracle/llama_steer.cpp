// llama_steer.cpp: what llama.cpp makes of a control vector: llama_steer MODEL VECTOR IDS STRENGTH... prints, for each strength, the
// log-probability of each line of ids in the file IDS (all but a line's first id, given those before it). The vector is read by llama.cpp's
// own reader. oracle_steer.py builds it against a checkout of llama.cpp.
#include "common.h"
#include "llama.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

static double score(llama_context * context, const std::vector<llama_token> & ids, int vocab) {
    llama_batch batch = llama_batch_init((int32_t) ids.size(), 0, 1);
    for (size_t i = 0; i < ids.size(); i++) {
        batch.token[i] = ids[i], batch.pos[i] = (llama_pos) i, batch.logits[i] = 1;
        batch.n_seq_id[i] = 1, batch.seq_id[i][0] = 0;
    }
    batch.n_tokens = (int32_t) ids.size();
    llama_memory_clear(llama_get_memory(context), true);
    if (llama_decode(context, batch) != 0)
        exit(1);
    double sum = 0;
    for (size_t i = 0; i + 1 < ids.size(); i++) {
        const float * row = llama_get_logits_ith(context, (int32_t) i);
        double all = 0;
        for (int k = 0; k < vocab; k++)
            all += std::exp((double) row[k] - row[ids[i + 1]]);
        sum -= std::log(all);
    }
    llama_batch_free(batch);
    return sum;
}

int main(int argc, char ** argv) {
    if (argc < 5)
        return 2;
    std::vector<std::vector<llama_token>> lines;
    std::ifstream in(argv[3]);
    for (std::string line; std::getline(in, line);) {
        std::istringstream words(line);
        lines.emplace_back();
        for (llama_token id; words >> id;)
            lines.back().push_back(id);
    }
    llama_log_set([](ggml_log_level level, const char * text, void *) { if (level >= GGML_LOG_LEVEL_ERROR) fputs(text, stderr); }, nullptr);
    llama_backend_init();
    llama_model * model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (!model)
        return 1;
    const int vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
    for (int i = 4; i < argc; i++) {
        llama_context_params params = llama_context_default_params();
        params.n_ctx = params.n_batch = 512;
        params.type_k = params.type_v = GGML_TYPE_F32;
        params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
        llama_context * context = llama_init_from_model(model, params);
        const auto vector = common_control_vector_load({{(float) std::atof(argv[i]), argv[2]}});
        if (!context || vector.n_embd < 1 ||
            llama_set_adapter_cvec(context, vector.data.data(), vector.data.size(), vector.n_embd, 1, llama_model_n_layer(model)))
            return 1;
        for (const auto & ids : lines)
            printf("%.9g ", score(context, ids, vocab));
        printf("\n");
        llama_free(context);
    }
    return 0;
}
