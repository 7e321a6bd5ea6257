// A small system: processor cores with a register file and local memory, a FIFO between neighbours, a serial
// transmitter, and a prime searcher. It exists to give a synthesis tool some seconds of real work: state machines to
// recognise, memories to map to registers and multiplexers, and arithmetic to fold.

module core #(
    parameter ADDRESS = 0,
    parameter WIDTH = 16,
    parameter DEPTH_BITS = 9
) (
    input  wire             clock,
    input  wire             reset,
    input  wire             in_valid,
    input  wire [WIDTH-1:0] in_data,
    output reg              in_ready,
    output reg              out_valid,
    output reg  [WIDTH-1:0] out_data,
    input  wire             out_ready
);
    localparam FETCH = 0, DECODE = 1, EXECUTE = 2, LOAD = 3, STORE = 4, SEND = 5, RECEIVE = 6, HALT = 7;
    localparam OP_ADD = 0, OP_SUB = 1, OP_AND = 2, OP_XOR = 3, OP_SHIFT = 4, OP_MUL = 5, OP_LOAD = 6, OP_STORE = 7,
               OP_SEND = 8, OP_RECEIVE = 9, OP_BRANCH = 10, OP_CONSTANT = 11, OP_HALT = 15;

    reg [2:0]            state;
    reg [WIDTH-1:0]      registers [0:15];
    reg [WIDTH-1:0]      memory [0:(1<<DEPTH_BITS)-1];
    reg [15:0]           program [0:63];
    reg [5:0]            pc;
    reg [15:0]           instruction;
    reg [WIDTH-1:0]      a, b;

    wire [3:0] opcode      = instruction[15:12];
    wire [3:0] destination = instruction[11:8];
    wire [3:0] left        = instruction[7:4];
    wire [3:0] right       = instruction[3:0];

    integer i;
    initial begin
        for (i = 0; i < 64; i = i + 1)
            program[i] = (i * 16'h9e37 + ADDRESS * 16'h79b9) ^ (i << 11) ^ (i >> 2);
    end

    always @(posedge clock) begin
        if (reset) begin
            state <= FETCH;
            pc <= 0;
            in_ready <= 0;
            out_valid <= 0;
        end else case (state)
            FETCH: begin
                instruction <= program[pc];
                pc <= pc + 1;
                state <= DECODE;
            end
            DECODE: begin
                a <= registers[left];
                b <= registers[right];
                case (opcode)
                    OP_LOAD: state <= LOAD;
                    OP_STORE: state <= STORE;
                    OP_SEND: state <= SEND;
                    OP_RECEIVE: state <= RECEIVE;
                    OP_HALT: state <= HALT;
                    default: state <= EXECUTE;
                endcase
            end
            EXECUTE: begin
                case (opcode)
                    OP_ADD: registers[destination] <= a + b;
                    OP_SUB: registers[destination] <= a - b;
                    OP_AND: registers[destination] <= a & b;
                    OP_XOR: registers[destination] <= a ^ b;
                    OP_SHIFT: registers[destination] <= right[3] ? a >> b[3:0] : a << b[3:0];
                    OP_MUL: registers[destination] <= a * b;
                    OP_BRANCH: if (a != 0) pc <= {destination[1:0], right};
                    OP_CONSTANT: registers[destination] <= {{(WIDTH-8){left[3]}}, left, right};
                    default: ;
                endcase
                state <= FETCH;
            end
            LOAD: begin
                registers[destination] <= memory[a[DEPTH_BITS-1:0] + right];
                state <= FETCH;
            end
            STORE: begin
                memory[a[DEPTH_BITS-1:0] + destination] <= b;
                state <= FETCH;
            end
            SEND: begin
                out_valid <= 1;
                out_data <= a;
                if (out_valid && out_ready) begin
                    out_valid <= 0;
                    state <= FETCH;
                end
            end
            RECEIVE: begin
                in_ready <= 1;
                if (in_valid && in_ready) begin
                    in_ready <= 0;
                    registers[destination] <= in_data;
                    state <= FETCH;
                end
            end
            HALT: state <= HALT;
        endcase
    end
endmodule

module fifo #(
    parameter WIDTH = 16,
    parameter DEPTH_BITS = 5
) (
    input  wire             clock,
    input  wire             reset,
    input  wire             push,
    input  wire [WIDTH-1:0] push_data,
    output wire             full,
    input  wire             pop,
    output wire [WIDTH-1:0] pop_data,
    output wire             empty
);
    reg [WIDTH-1:0]    slots [0:(1<<DEPTH_BITS)-1];
    reg [DEPTH_BITS:0] head, tail;

    assign empty = head == tail;
    assign full = head == {~tail[DEPTH_BITS], tail[DEPTH_BITS-1:0]};
    assign pop_data = slots[tail[DEPTH_BITS-1:0]];

    always @(posedge clock) begin
        if (reset) begin
            head <= 0;
            tail <= 0;
        end else begin
            if (push && !full) begin
                slots[head[DEPTH_BITS-1:0]] <= push_data;
                head <= head + 1;
            end
            if (pop && !empty)
                tail <= tail + 1;
        end
    end
endmodule

module transmitter #(
    parameter DIVIDER = 217
) (
    input  wire       clock,
    input  wire       reset,
    input  wire       valid,
    input  wire [7:0] data,
    output reg        ready,
    output reg        line
);
    localparam IDLE = 0, START = 1, BITS = 2, PARITY = 3, STOP = 4;
    reg [2:0] state;
    reg [2:0] position;
    reg [7:0] shift;
    reg [7:0] ticks;
    reg       parity;

    always @(posedge clock) begin
        if (reset) begin
            state <= IDLE;
            line <= 1;
            ready <= 1;
            ticks <= 0;
        end else if (state == IDLE) begin
            line <= 1;
            if (valid && ready) begin
                shift <= data;
                parity <= ^data;
                ready <= 0;
                ticks <= 0;
                state <= START;
            end else
                ready <= 1;
        end else if (ticks != DIVIDER - 1)
            ticks <= ticks + 1;
        else begin
            ticks <= 0;
            case (state)
                START: begin line <= 0; position <= 0; state <= BITS; end
                BITS: begin
                    line <= shift[0];
                    shift <= shift >> 1;
                    position <= position + 1;
                    if (position == 7) state <= PARITY;
                end
                PARITY: begin line <= parity; state <= STOP; end
                default: begin line <= 1; state <= IDLE; end
            endcase
        end
    end
endmodule

// Trial division with a restoring divider, one bit a cycle.
module primes #(
    parameter WIDTH = 24
) (
    input  wire             clock,
    input  wire             reset,
    input  wire             next,
    output reg              found,
    output reg [WIDTH-1:0]  candidate
);
    localparam WAIT = 0, BEGIN = 1, DIVIDE = 2, CHECK = 3, DONE = 4;
    reg [2:0]         state;
    reg [WIDTH-1:0]   divisor, dividend;
    reg [WIDTH:0]     remainder;
    reg [5:0]         steps;

    wire [WIDTH:0] shifted = {remainder[WIDTH-1:0], dividend[WIDTH-1]};
    wire [WIDTH:0] reduced = shifted - {1'b0, divisor};

    always @(posedge clock) begin
        if (reset) begin
            state <= WAIT;
            found <= 0;
            candidate <= 3;
        end else case (state)
            WAIT: if (next) begin
                found <= 0;
                candidate <= candidate + 2;
                divisor <= 3;
                state <= BEGIN;
            end
            BEGIN: begin
                dividend <= candidate;
                remainder <= 0;
                steps <= 0;
                state <= DIVIDE;
            end
            DIVIDE: begin
                remainder <= reduced[WIDTH] ? shifted : reduced;
                dividend <= dividend << 1;
                steps <= steps + 1;
                if (steps == WIDTH - 1) state <= CHECK;
            end
            CHECK: begin
                if (divisor * divisor > candidate)
                    state <= DONE;
                else if (remainder == 0) begin
                    candidate <= candidate + 2;
                    divisor <= 3;
                    state <= BEGIN;
                end else begin
                    divisor <= divisor + 2;
                    state <= BEGIN;
                end
            end
            DONE: begin
                found <= 1;
                state <= WAIT;
            end
            default: state <= WAIT;
        endcase
    end
endmodule

// Walks the ring of cores, twice as fast past those that have nothing to say. It never rests in a state, so that its
// register has no enable and the tool sees a plain state machine.
module walker (
    input  wire       clock,
    input  wire       reset,
    input  wire       idle,
    output reg  [1:0] position,
    output wire       odd
);
    localparam NORTH = 3'd0, EAST = 3'd1, SOUTH = 3'd2, WEST = 3'd3, SHORTCUT = 3'd4, RETURN = 3'd5;
    (* fsm_encoding = "auto" *) reg [2:0] state;

    assign odd = state == EAST | state == WEST;

    always @(posedge clock or posedge reset) begin
        if (reset)
            state <= NORTH;
        else case (state)
            NORTH: state <= idle ? SHORTCUT : EAST;
            EAST: state <= idle ? RETURN : SOUTH;
            SOUTH: state <= idle ? RETURN : WEST;
            SHORTCUT: state <= SOUTH;
            WEST: state <= idle ? EAST : NORTH;
            RETURN: state <= idle ? SHORTCUT : NORTH;
            default: state <= 3'bxxx;
        endcase
    end

    always @* case (state)
        NORTH: position = 0;
        EAST: position = 1;
        SOUTH: position = 2;
        SHORTCUT: position = 2;
        default: position = 3;
    endcase
endmodule

module soc #(
    parameter CORES = 4,
    parameter WIDTH = 16
) (
    input  wire clock,
    input  wire reset,
    output wire line
);
    wire [CORES-1:0]       valid_out, ready_out, valid_in, ready_in, full, empty;
    wire [WIDTH*CORES-1:0] data_out, data_in;
    wire                   found;
    wire [23:0]            prime;

    genvar n;
    generate
        for (n = 0; n < CORES; n = n + 1) begin : ring
            core #(.ADDRESS(n), .WIDTH(WIDTH)) unit (
                .clock(clock), .reset(reset),
                .in_valid(valid_in[n]), .in_data(data_in[WIDTH*n +: WIDTH]), .in_ready(ready_in[n]),
                .out_valid(valid_out[n]), .out_data(data_out[WIDTH*n +: WIDTH]), .out_ready(ready_out[n])
            );
            fifo #(.WIDTH(WIDTH)) link (
                .clock(clock), .reset(reset),
                .push(valid_out[n]), .push_data(data_out[WIDTH*n +: WIDTH]), .full(full[n]),
                .pop(ready_in[(n+1) % CORES]), .pop_data(data_in[WIDTH*((n+1) % CORES) +: WIDTH]), .empty(empty[n])
            );
            assign ready_out[n] = !full[n];
            assign valid_in[(n+1) % CORES] = !empty[n];
        end
    endgenerate

    wire [1:0]             position;
    wire                   odd;

    walker turn (.clock(clock), .reset(reset), .idle(empty[position]), .position(position), .odd(odd));
    primes search (.clock(clock), .reset(reset), .next(valid_out[position] ^ odd), .found(found), .candidate(prime));
    transmitter serial (
        .clock(clock), .reset(reset), .valid(found), .data(prime[7:0] ^ prime[15:8] ^ data_out[7:0]),
        .ready(), .line(line)
    );
endmodule
